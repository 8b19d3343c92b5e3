/**
 * A JSON file whose values know their place, so that what is wrong with one is said with line and column.
 *
 * Places are looked for when there is a problem: a good file is only parsed.
 */
import { GmemError } from '../engine/error.js';
import { InputProblems, printable } from '../ops/problems.js';
import { type KeyPath, writtenPath } from './path.js';

/** One thing that is wrong with a document. */
export interface DocumentProblem {
  /** Keys and positions from the outside in; empty: the document itself. */
  readonly path: KeyPath;
  /** It is the key itself that is wrong: the place is its own, not its value's. */
  readonly ofKey?: boolean;
  readonly message: string;
}

/**
 * The value of a JSON text.
 *
 * @param accepted what the file should have been, for the message.
 * @throws GmemError `ERR_GMEM_INPUT` with the place of the first thing that is not JSON.
 */
export function parseJson(text: string, file: string, accepted: string): unknown {
  try {
    return JSON.parse(withoutMark(text));
  } catch {
    const at = scan(text, () => {}) ?? 0;
    const { line, column } = placeOf(text, at);
    const point = text.codePointAt(at);
    const found = point === undefined ? 'it ends too early' : `unexpected "${printable(String.fromCodePoint(point))}"`;
    const problem = `${file}:${line}:${column}: not JSON: ${found}, accepted: ${accepted}`;
    throw new GmemError('ERR_GMEM_INPUT', problem, { problems: [problem] });
  }
}

/** Keys that an object of the text has twice, each by its path. */
export function repeatedKeys(text: string): DocumentProblem[] {
  const seen = new Set<string>();
  const problems: DocumentProblem[] = [];
  scan(text, (path) => {
    const key = JSON.stringify(path);
    if (seen.has(key)) problems.push({ path: [...path], ofKey: true, message: 'given twice, accepted: each key once' });
    seen.add(key);
  });
  return problems;
}

/**
 * @param whole what a problem of the document itself is said of.
 * @throws GmemError `ERR_GMEM_INPUT` with every problem at its place, in the order of places, when there is one.
 */
export function refuseDocument(text: string, file: string, found: readonly DocumentProblem[], whole: string): void {
  if (found.length === 0) return;
  const places = new Map<string, { key: number | undefined; value: number }>();
  const wanted = new Set(found.flatMap(({ path }) => path.map((_, i) => JSON.stringify(path.slice(0, i + 1)))));
  scan(text, (path, keyAt, valueAt) => {
    const key = JSON.stringify(path);
    if (wanted.has(key)) places.set(key, { key: keyAt, value: valueAt });
  });
  const start = text.search(/[^\s\ufeff]/);
  const placed = found.map(({ path, ofKey, message }) => {
    const own = ofKey ? places.get(JSON.stringify(path))?.key : undefined;
    let at = own;
    for (let length = path.length; length > 0 && at === undefined; length -= 1) {
      at = places.get(JSON.stringify(path.slice(0, length)))?.value;
    }
    return { at: at ?? Math.max(0, start), key: writtenPath(path) || whole, message };
  });
  const problems = new InputProblems(file);
  for (const { at, key, message } of placed.toSorted((a, b) => a.at - b.at)) {
    const { line, column } = placeOf(text, at);
    problems.add(line, column, key, message);
  }
  problems.throwIfAny();
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}

const SPACE = /[ \t\r\n]*/y;
const TOKEN =
  /[{}[\],:]|"[^"\\\p{Cc}]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\p{Cc}]*)*"|true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/uy;

interface Frame {
  readonly list: boolean;
  /** Key or position of the value that is next. */
  at: PropertyKey;
  keyAt: number | undefined;
}

/**
 * Goes through a JSON text.
 *
 * @param visit called for every value within the outermost one, with the places of its key, if it has one, and of itself.
 *   `path` is only lent.
 * @returns where the first thing is that is not JSON; `undefined`: it is.
 */
function scan(
  text: string,
  visit: (path: KeyPath, keyAt: number | undefined, valueAt: number) => void,
): number | undefined {
  const frames: Frame[] = [];
  const path: PropertyKey[] = [];
  let expected: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' | 'nothing' = 'value';
  let at = text.startsWith('\ufeff') ? 1 : 0;
  for (;;) {
    SPACE.lastIndex = at;
    at += SPACE.exec(text)?.[0].length ?? 0;
    if (at === text.length && expected === 'nothing') return undefined;
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return at;
    const top = frames.at(-1);
    const ends = top !== undefined && token === (top.list ? ']' : '}');
    if (ends && (expected === ', or end' || expected === (top.list ? 'value or ]' : 'key or }'))) {
      frames.pop();
      path.pop();
      expected = frames.length === 0 ? 'nothing' : ', or end';
    } else if (expected === ', or end' && token === ',' && top !== undefined) {
      if (top.list) top.at = (top.at as number) + 1;
      expected = top.list ? 'value' : 'key';
    } else if (expected.startsWith('key') && token.startsWith('"') && top !== undefined) {
      top.at = JSON.parse(token) as string;
      top.keyAt = at;
      expected = ':';
    } else if (expected === ':' && token === ':') {
      expected = 'value';
    } else if (expected.startsWith('value') && !/^[}\],:]/.test(token)) {
      if (top !== undefined) {
        path[frames.length - 1] = top.at;
        visit(path, top.list ? undefined : top.keyAt, at);
      }
      if (token === '{' || token === '[') {
        frames.push({ list: token === '[', at: 0, keyAt: undefined });
        expected = token === '[' ? 'value or ]' : 'key or }';
      } else expected = frames.length === 0 ? 'nothing' : ', or end';
    } else return at;
    at += token.length;
  }
}
