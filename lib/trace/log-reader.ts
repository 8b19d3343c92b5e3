/**
 * What every reader of a text log shares: lines out of bytes, ops with times relative to the first, problems by place.
 * A log format itself only looks at one line after the other.
 */

import type { OpInput } from '../ops/builder.js';
import { appendOp, type OpProblem } from '../ops/encode.js';
import { LineSplitter } from '../ops/lines.js';
import { InputProblems, inputError } from '../ops/problems.js';
import { OpStream } from '../ops/stream.js';
import type { StreamReader } from './format.js';

/** A point in time as a log prints it, `SECONDS.FRACTION`. */
export interface Stamp {
  readonly seconds: string;
  readonly fraction: string;
}

/** Looks at one line (without its line end), and hands what it finds to the log. */
export type LineParser = (line: string, log: LogReader) => void;

export class LogReader implements StreamReader {
  readonly #file: string;
  readonly #events: string;
  readonly #problems: InputProblems;
  readonly #splitter: LineSplitter;
  readonly #finished: (stream: OpStream) => OpStream;
  readonly #stream = new OpStream();
  #line = 0;
  #first: { seconds: number; nanoseconds: number } | undefined;

  /**
   * @param file name shown in error messages.
   * @param events the lines looked for, in words, for a file that has none.
   * @param finished last look at the stream, when all lines were seen.
   */
  constructor(file: string, events: string, parse: LineParser, finished = (stream: OpStream) => stream) {
    this.#file = file;
    this.#events = events;
    this.#finished = finished;
    this.#problems = new InputProblems(file);
    this.#splitter = new LineSplitter(this.#problems, (bytes, start, end, line) => {
      this.#line = line;
      parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'), this);
    });
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  finish(): OpStream {
    this.#splitter.finish();
    this.#problems.throwIfAny();
    if (this.#stream.length === 0) throw inputError(this.#file, `has no event, accepted: lines with ${this.#events}`);
    return this.#finished(this.#stream);
  }

  /**
   * Appends an op the current line tells of.
   *
   * @param index where in the line its event begins, 0-based.
   * @param event name of the event, for error messages.
   */
  add(op: OpInput, index: number, event: string, stamp?: Stamp): void {
    const problems: OpProblem[] = [];
    const time = stamp === undefined ? undefined : this.#time(stamp);
    if (appendOp(this.#stream, time === undefined ? op : { ...op, t: time }, problems)) return;
    for (const { key, message } of problems) this.problem(index, event, `${key}: ${message}`);
  }

  /** Reports a problem of the current line. */
  problem(index: number, event: string, message: string): void {
    this.#problems.add(this.#line, index + 1, event, message);
  }

  /** Microseconds since the first stamped event; nanoseconds show as decimals. */
  #time({ seconds, fraction }: Stamp): number | undefined {
    const now = { seconds: Number(seconds), nanoseconds: Number(fraction.slice(0, 9).padEnd(9, '0')) };
    if (!Number.isSafeInteger(now.seconds)) return undefined;
    this.#first ??= now;
    return ((now.seconds - this.#first.seconds) * 1e9 + (now.nanoseconds - this.#first.nanoseconds)) / 1000;
  }
}
