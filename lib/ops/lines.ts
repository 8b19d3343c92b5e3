/**
 * Splits bytes that come in chunks into lines, without copying those that lie within a chunk.
 *
 * Invariants: `carry` holds the begin of the line that is not finished yet, at most `LINE_BYTES_LIMIT` of it; a byte
 * order mark at the begin of the file is no part of the first line.
 */
import type { InputProblems } from './problems.js';

/** A longer line is a problem, and skipped: whatever it is, it is not one of the formats. */
const LINE_BYTES_LIMIT = 1 << 20;

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Called with a line in [start, end) of `bytes`, without its newline; `bytes` are only lent. Lines count from 1. */
export type OnLine = (bytes: Uint8Array, start: number, end: number, line: number) => void;

export class LineSplitter {
  readonly #problems: InputProblems;
  readonly #onLine: OnLine;
  #carry = Buffer.alloc(0);
  #line = 1;
  #tooLong = false;

  constructor(problems: InputProblems, onLine: OnLine) {
    this.#problems = problems;
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline < 0) break;
      if (this.#carry.length === 0) {
        this.#take(chunk, start, newline);
      } else {
        const line = Buffer.concat([this.#carry, chunk.subarray(start, newline)]);
        this.#carry = Buffer.alloc(0);
        this.#take(line, 0, line.length);
      }
      this.#line += 1;
      this.#tooLong = false;
      start = newline + 1;
    }
    if (start < chunk.length && !this.#tooLong) {
      this.#carry = Buffer.concat([this.#carry, chunk.subarray(start)]);
      if (this.#carry.length > LINE_BYTES_LIMIT) {
        this.#take(this.#carry, 0, this.#carry.length);
        this.#carry = Buffer.alloc(0);
        this.#tooLong = true;
      }
    }
  }

  /** Hands over a last line that has no newline. */
  finish(): void {
    if (this.#carry.length > 0) this.#take(this.#carry, 0, this.#carry.length);
    this.#carry = Buffer.alloc(0);
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    if (this.#tooLong) return;
    if (end - start > LINE_BYTES_LIMIT) {
      this.#problems.add(this.#line, 1, 'line', `${end - start} bytes or more, accepted: lines up to 1 MiB`);
      return;
    }
    const marked = this.#line === 1 && BYTE_ORDER_MARK.every((byte, i) => bytes[start + i] === byte);
    this.#onLine(bytes, marked ? start + 3 : start, end, this.#line);
  }
}
