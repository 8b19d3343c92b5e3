/**
 * One line of JSON lines: a strict JSON object whose keys and values know their column, and whose keys are distinct.
 * This is the path that words the errors; the fast path (jsonl-fast.ts) only takes lines this one would take alike.
 */
import { printable } from './problems.js';

/** Columns are 1-based. */
export interface JsonEntry {
  readonly keyColumn: number;
  readonly valueColumn: number;
}

export type JsonLine =
  | {
      readonly object: Record<string, unknown>;
      readonly entries: ReadonlyMap<string, JsonEntry>;
      readonly column: number;
    }
  | { readonly column: number; readonly key: string; readonly message: string };

const NESTING_LIMIT = 16;
const OBJECT = 'one JSON object a line';

class Refusal extends Error {
  constructor(
    readonly at: number,
    readonly key: string,
    message: string,
  ) {
    super(message);
  }
}

/** Reads one line. @returns the object and the places of its keys, or what is wrong and where. */
export function readJsonLine(text: string): JsonLine {
  const scanner = new Scanner(text);
  try {
    return scanner.line();
  } catch (error) {
    if (error instanceof Refusal) return { column: error.at + 1, key: error.key, message: error.message };
    throw error;
  }
}

class Scanner {
  #at = 0;

  constructor(readonly text: string) {}

  line(): JsonLine {
    this.#space();
    const start = this.#at;
    if (this.text[start] !== '{') {
      this.#value(0);
      throw new Refusal(start, 'line', `not an object, accepted: ${OBJECT}`);
    }
    const entries = new Map<string, JsonEntry>();
    const object = this.#object(1, entries);
    this.#space();
    if (this.#at < this.text.length) {
      throw new Refusal(this.#at, 'line', `${this.#found()} after the object, accepted: ${OBJECT}`);
    }
    return { object, entries, column: start + 1 };
  }

  #object(depth: number, entries: Map<string, JsonEntry> | null): Record<string, unknown> {
    const object: Record<string, unknown> = Object.create(null);
    this.#at += 1;
    this.#space();
    if (this.text[this.#at] === '}') {
      this.#at += 1;
      return object;
    }
    for (;;) {
      this.#space();
      const keyAt = this.#at;
      if (this.text[keyAt] !== '"') this.#refuse('a key in double quotes');
      const key = this.#string();
      if (Object.hasOwn(object, key)) throw new Refusal(keyAt, key, 'given twice, accepted: each key once');
      this.#space();
      if (this.text[this.#at] !== ':') this.#refuse('":" after a key');
      this.#at += 1;
      this.#space();
      const valueAt = this.#at;
      object[key] = this.#value(depth);
      entries?.set(key, { keyColumn: keyAt + 1, valueColumn: valueAt + 1 });
      this.#space();
      const next = this.text[this.#at];
      if (next === '}') break;
      if (next !== ',') this.#refuse('"," or "}" after a value');
      this.#at += 1;
    }
    this.#at += 1;
    return object;
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    this.#space();
    if (this.text[this.#at] === ']') {
      this.#at += 1;
      return items;
    }
    for (;;) {
      this.#space();
      items.push(this.#value(depth));
      this.#space();
      const next = this.text[this.#at];
      if (next === ']') break;
      if (next !== ',') this.#refuse('"," or "]" after a value');
      this.#at += 1;
    }
    this.#at += 1;
    return items;
  }

  #value(depth: number): unknown {
    if (depth >= NESTING_LIMIT) throw new Refusal(this.#at, 'line', `nested too deep, accepted: ${OBJECT}`);
    const first = this.text[this.#at];
    if (first === '{') return this.#object(depth + 1, null);
    if (first === '[') return this.#array(depth + 1);
    if (first === '"') return this.#string();
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    const number = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number === undefined) this.#refuse('a JSON value');
    return Number(number);
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    const literal = this.text.slice(start, end + 1);
    this.#at = end + 1;
    try {
      return JSON.parse(literal) as string;
    } catch {
      throw new Refusal(
        start,
        'line',
        'not a JSON string: it does not end, or has a bad escape or a control character',
      );
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #space(): void {
    this.#match(/[ \t\r]*/y);
  }

  #refuse(wanted: string): never {
    throw new Refusal(this.#at, 'line', `not JSON: ${this.#found()}, accepted here: ${wanted}`);
  }

  #found(): string {
    const point = this.text.codePointAt(this.#at);
    return point === undefined ? 'end of line' : `unexpected "${printable(String.fromCodePoint(point))}"`;
  }
}
