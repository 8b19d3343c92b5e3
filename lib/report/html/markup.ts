/**
 * HTML that is escaped unless it says otherwise: `html` is a template tag whose values are text, except `Markup` (made by
 * the tag itself) and lists of it. The one way the report makes markup.
 */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type Value = Markup | string | number | undefined | readonly Value[];

export function html(parts: TemplateStringsArray, ...values: Value[]): Markup {
  let text = parts[0] as string;
  values.forEach((value, i) => {
    text += render(value) + (parts[i + 1] as string);
  });
  return new Markup(text);
}

/** Text that is markup already: style sheets, scripts. Never anything a file or a user said. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function render(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeText(String(value));
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** JSON that may stand inside a script element. */
export function scriptJson(value: unknown): Markup {
  return new Markup(
    JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
