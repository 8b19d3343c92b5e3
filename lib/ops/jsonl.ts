/**
 * JSON lines to an op stream and back. The reader is fed bytes as they come, so that a file of any length is read in
 * little memory but for its records; all problems of the file are reported at once.
 *
 * Tolerated: CRLF, blank lines, a byte order mark, a missing newline at the end.
 */
import { appendOp, decodeOp, type OpProblem } from './encode.js';
import { readJsonLine } from './json-line.js';
import { FastLines } from './jsonl-fast.js';
import { LineSplitter } from './lines.js';
import { InputProblems } from './problems.js';
import { MAX_RECORDS } from './records.js';
import type { OpSource } from './source.js';
import { OpStream } from './stream.js';

const CARRIAGE_RETURN = 0x0d;

export class JsonlReader {
  readonly #stream = new OpStream();
  readonly #problems: InputProblems;
  readonly #splitter: LineSplitter;
  readonly #fast = new FastLines(this.#stream);
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /** @param file name shown in error messages. */
  constructor(file: string) {
    this.#problems = new InputProblems(file);
    this.#splitter = new LineSplitter(this.#problems, (bytes, start, end, line) => this.#line(bytes, start, end, line));
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  /** @throws GmemError `ERR_GMEM_INPUT` with every problem of the file. */
  finish(): OpStream {
    this.#splitter.finish();
    this.#problems.throwIfAny();
    return this.#stream;
  }

  #line(bytes: Uint8Array, start: number, lineEnd: number, line: number): void {
    const end = lineEnd > start && bytes[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
    if (end === start) return;
    if (this.#stream.length >= MAX_RECORDS) {
      this.#problems.add(line, 1, 'line', `one op too many, accepted: ${MAX_RECORDS} a file`);
      return;
    }
    if (this.#fast.take(bytes, start, end)) return;
    this.#general(bytes.subarray(start, end), line);
  }

  #general(bytes: Uint8Array, line: number): void {
    let text: string;
    try {
      text = this.#decoder.decode(bytes);
    } catch {
      this.#problems.add(line, invalidUtf8Column(bytes), 'line', 'not UTF-8, accepted: one JSON object a line');
      return;
    }
    if (/^[ \t\r]*$/.test(text)) return;
    const read = readJsonLine(text);
    if ('message' in read) {
      this.#problems.add(line, read.column, read.key, read.message);
      return;
    }
    const problems: OpProblem[] = [];
    if (appendOp(this.#stream, read.object, problems)) return;
    const placed = problems.map(({ key, at, message }) => {
      const entry = read.entries.get(key);
      const column = at === 'key' ? entry?.keyColumn : at === 'value' ? entry?.valueColumn : undefined;
      return { column: column ?? read.column, key, message };
    });
    placed.sort((a, b) => a.column - b.column);
    for (const { column, key, message } of placed) this.#problems.add(line, column, key, message);
  }
}

/**
 * Reads JSON lines from memory.
 *
 * @param file name shown in error messages.
 * @throws GmemError `ERR_GMEM_INPUT` with every problem.
 */
export function parseJsonl(content: string | Uint8Array, file = 'input'): OpStream {
  const reader = new JsonlReader(file);
  reader.push(typeof content === 'string' ? Buffer.from(content, 'utf8') : content);
  return reader.finish();
}

/** Op `i` as one canonical line, without the newline. */
export function formatOp(stream: OpStream, i: number): string {
  return JSON.stringify(decodeOp(stream, i));
}

const CHUNK_CHARACTERS = 1 << 16;

/** Ops as canonical JSON lines, in chunks of whole lines. */
export function* jsonlChunks(source: OpSource): Generator<string> {
  let chunk = '';
  for (const { stream } of source.chunks()) {
    for (let i = 0; i < stream.length; i += 1) {
      chunk += `${formatOp(stream, i)}\n`;
      if (chunk.length >= CHUNK_CHARACTERS) {
        yield chunk;
        chunk = '';
      }
    }
  }
  if (chunk !== '') yield chunk;
}

/** A stream as canonical JSON lines, whole. */
export function formatJsonl(stream: OpStream): string {
  return [...jsonlChunks(stream)].join('');
}

/** Column of the first byte that is not UTF-8: the longest prefix that a strict decoder takes ends before it. */
function invalidUtf8Column(bytes: Uint8Array): number {
  const prefix = (length: number): string =>
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length), { stream: true });
  let good = 0;
  let bad = bytes.length + 1;
  while (good + 1 < bad) {
    const middle = (good + bad) >> 1;
    try {
      prefix(middle);
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return prefix(good).length + 1;
}
