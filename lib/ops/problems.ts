/**
 * What is wrong with an input file: every problem with its place, all of them reported at once.
 *
 * Invariants: at most `LISTED` lines (or as many as were asked for) are kept, the rest is counted; nothing is thrown before the file was read to its end.
 */
import { GmemError } from '../engine/error.js';

/** Problems listed by place; the others are only counted. */
export const LISTED = 100;

export class InputProblems {
  readonly file: string;
  readonly #lines: string[] = [];
  readonly #listed: number;
  #count = 0;

  /**
   * @param file name shown in front of every line, as the user gave it.
   * @param listed how many problems are listed.
   */
  constructor(file: string, listed = LISTED) {
    this.file = file;
    this.#listed = listed;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Adds one problem.
   *
   * @param line,column 1-based; columns count UTF-16 code units, as editors do.
   * @param key the key or field at fault, or a word for the whole line.
   * @param message what is wrong, what is accepted.
   */
  add(line: number, column: number, key: string, message: string): void {
    this.#count += 1;
    if (this.#lines.length < this.#listed) {
      this.#lines.push(`${this.file}:${line}:${column}: ${printable(key)}: ${message}`);
    }
  }

  /** Adds a problem of what is said about the file from outside, `label` in place of its place. */
  addOutside(label: string, message: string): void {
    this.#count += 1;
    if (this.#lines.length < this.#listed) this.#lines.push(`${label}: ${message}`);
  }

  /** @throws GmemError `ERR_GMEM_INPUT` with every listed problem, when there is one. */
  throwIfAny(): void {
    if (this.#count === 0) return;
    const lines = [...this.#lines];
    const rest = this.#count - lines.length;
    if (rest > 0) lines.push(`${this.file}: and ${rest} more problem${rest === 1 ? '' : 's'}`);
    throw new GmemError('ERR_GMEM_INPUT', lines.join('\n'), { problems: lines });
  }
}

/** A problem of a whole file: `file: what is wrong, what is accepted`. */
export function inputError(file: string, message: string, cause?: unknown): GmemError {
  const line = `${file}: ${message}`;
  return new GmemError('ERR_GMEM_INPUT', line, { problems: [line], cause });
}

const SHOWN_CHARACTERS = 60;

/** Text from a file, fit for one line on a terminal: no control characters, no endless values. */
export function printable(text: string): string {
  const cut = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return visible(cut);
}

const CONTROL = /[\p{Cc}\p{Cs}\u2028\u2029]/gu;

/** Text with control characters written out, those of `kept` aside: what a terminal would obey is shown. */
export function visible(text: string, kept = ''): string {
  return text.replace(CONTROL, (c) =>
    kept.includes(c) ? c : `\\u${(c.codePointAt(0) as number).toString(16).padStart(4, '0')}`,
  );
}

/** Whether a name can stand in a report as it is. */
export function isVisible(text: string): boolean {
  return text.search(CONTROL) < 0;
}

/** A value from a file, as JSON and fit for one line. */
export function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    text = undefined;
  }
  return printable(text ?? typeof value);
}
