/** The keys of a YAML file in flow style, which JSON is: enough of it to tell what the file is. */

/** What says what it is stands at the begin. */
const LOOKED_AT = 1 << 16;

const TOKEN = /\s+|#[^\n]*|"[^"\\]*(?:\\[\s\S][^"\\]*)*"?|'[^']*'?|[{}[\],:]|[^\s{}[\],:"'#]+|#/gy;

/**
 * Keys of the one mapping a text is, each with the first word of its value, as far as they can be seen.
 *
 * @returns `undefined` when the text does not begin with `{`, or goes on after its `}`.
 */
export function flowKeys(text: string): ReadonlyMap<string, string> | undefined {
  const head = text.slice(0, LOOKED_AT).replace(/^(?:\ufeff|\u00ef\u00bb\u00bf)/, '');
  const found = new Map<string, string>();
  let depth = 0;
  let key: string | undefined;
  let turn: 'key' | 'value' | 'done' = 'key';
  let begun = false;
  for (const [token] of head.matchAll(TOKEN)) {
    if (/^[\s#]/.test(token)) continue;
    if (depth === 0 && (begun || token !== '{')) return undefined;
    begun = true;
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth > 1) continue;
    else if (token === ',') turn = 'key';
    else if (token === ':') turn = key === undefined ? turn : 'value';
    else if (turn === 'key') {
      key = unquoted(token);
      found.set(key, '');
      turn = 'done';
    } else if (turn === 'value' && key !== undefined) {
      found.set(key, unquoted(token));
      turn = 'done';
    }
  }
  return begun ? found : undefined;
}

function unquoted(token: string): string {
  return token.replace(/^["']|["']$/g, '');
}
