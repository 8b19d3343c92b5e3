/**
 * A packed file as ops to go through, read anew each time: a trace of gigabytes is replayed in a few megabytes, and no page
 * of memory is touched for the first time while its ops wait.
 *
 * The whole file is checked when it is opened. Afterwards every record is checked again as it is read, for the engine's
 * sake, and a file that was changed in between is an error.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { checkFooter, checkTimes, type PackedHeader, readHeader, trailingBytes } from '../ops/packed-frame.js';
import { FOOTER_BYTES, HEADER_BYTES } from '../ops/packed-layout.js';
import { inputError } from '../ops/problems.js';
import type { RecordScanner } from '../ops/record-scanner.js';
import { OpRecords } from '../ops/records.js';
import type { OpChunk, OpSource } from '../ops/source.js';
import { OpStream } from '../ops/stream.js';
import { Survey } from '../ops/survey.js';
import { RECORD_BYTES } from '../spec/ops.js';
import { reasonOf } from './source.js';

/** Records read at once: 2.5 MiB, which stay in the cache until they have run. */
const CHUNK_RECORDS = 65_536;
const TIME_BYTES = 8;

/** What tells that a file is still the one that was checked. */
interface Identity {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export class PackedFile implements OpSource {
  readonly length: number;
  readonly timed: boolean;
  readonly #path: string;
  readonly #identity: Identity;
  readonly #scanner: RecordScanner;

  private constructor(
    path: string,
    header: PackedHeader,
    identity: Identity,
    scanner: RecordScanner,
    readonly survey: Survey,
  ) {
    this.#path = path;
    this.#identity = identity;
    this.#scanner = scanner;
    this.length = header.count;
    this.timed = header.timesBytes > 0;
  }

  /**
   * Opens a regular file and reads all of it once.
   *
   * @returns `undefined` for a file that PackedReader has to read into memory: one with notes, or too short to be one.
   * @throws GmemError `ERR_GMEM_INPUT` for whatever PackedReader refuses, with the same words.
   */
  static async open(path: string, scanner: RecordScanner): Promise<PackedFile | undefined> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, 'r');
      const identity = await file.stat();
      const begin = new Uint8Array(Math.min(HEADER_BYTES, identity.size));
      if (begin.length < HEADER_BYTES) return undefined;
      const header = readHeader(await filled(file, path, begin, 0), path, identity.size);
      if (header.notesBytes > 0) return undefined;
      const survey = new Survey();
      const records = await surveyed(file, path, header, scanner, survey);
      const times = await surveyedTimes(file, path, header, scanner);
      const footer = await filled(file, path, new Uint8Array(FOOTER_BYTES), header.totalBytes - FOOTER_BYTES);
      checkFooter(footer, [records, times.checksum, 0], path);
      times.check();
      if (identity.size > header.totalBytes) throw trailingBytes(path);
      return new PackedFile(path, header, identity, scanner, survey);
    } catch (error) {
      throw readable(path, error);
    } finally {
      await file?.close();
    }
  }

  *chunks(): Generator<OpChunk> {
    const records = new OpRecords(Math.min(CHUNK_RECORDS, Math.max(1, this.length)));
    const stream = new OpStream(records);
    const times = this.timed ? new Float64Array(CHUNK_RECORDS) : null;
    let file: number | undefined;
    try {
      file = openSync(this.#path, 'r');
      this.#checkUnchanged(file);
      for (let start = 0; start < this.length; start += records.length) {
        records.length = Math.min(CHUNK_RECORDS, this.length - start);
        this.#fill(file, records.bytes.subarray(0, records.length * RECORD_BYTES), recordsAt(start));
        const bad = this.#scanner.check(records);
        if (bad !== undefined) throw changed(this.#path);
        if (times !== null) {
          const bytes = new Uint8Array(times.buffer, 0, records.length * TIME_BYTES);
          this.#fill(file, bytes, recordsAt(this.length) + start * TIME_BYTES);
        }
        stream.times = times;
        yield { stream, start };
      }
      this.#checkUnchanged(file);
    } catch (error) {
      throw readable(this.#path, error);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  #fill(file: number, into: Uint8Array, from: number): void {
    for (let filled = 0; filled < into.length; ) {
      const read = readSync(file, into, filled, into.length - filled, from + filled);
      if (read === 0) throw changed(this.#path);
      filled += read;
    }
  }

  #checkUnchanged(file: number): void {
    const now = fstatSync(file);
    for (const what of ['dev', 'ino', 'size', 'mtimeMs', 'ctimeMs'] as const) {
      if (now[what] !== this.#identity[what]) throw changed(this.#path);
    }
  }
}

/** Where record `i` is in the file. */
function recordsAt(i: number): number {
  return HEADER_BYTES + i * RECORD_BYTES;
}

/** Checks and surveys all records. @returns their checksum. */
async function surveyed(
  file: FileHandle,
  path: string,
  { count }: PackedHeader,
  scanner: RecordScanner,
  survey: Survey,
): Promise<number> {
  const room = Math.min(CHUNK_RECORDS, Math.max(1, count));
  const [one, other] = [new OpRecords(room), new OpRecords(room)];
  let records = one;
  let checksum = 0;
  for await (const { bytes, at } of slices(file, path, recordsAt(0), count * RECORD_BYTES, [one.bytes, other.bytes])) {
    records = bytes.buffer === one.bytes.buffer ? one : other;
    records.length = bytes.length / RECORD_BYTES;
    checksum = scanner.checksum(bytes, checksum);
    const bad = scanner.survey(records, survey);
    if (bad !== undefined) throw inputError(path, `record ${at / RECORD_BYTES + bad.record}: ${bad.message}`);
  }
  return checksum;
}

/** Goes through all times. @returns their checksum, and a check for after that of the checksums. */
async function surveyedTimes(
  file: FileHandle,
  path: string,
  { count, timesBytes }: PackedHeader,
  scanner: RecordScanner,
): Promise<{ checksum: number; check: () => void }> {
  const room = Math.min(CHUNK_RECORDS, Math.max(1, count)) * TIME_BYTES;
  let checksum = 0;
  let infinite: Float64Array | undefined;
  const from = recordsAt(count);
  for await (const { bytes } of slices(file, path, from, timesBytes, [new Uint8Array(room), new Uint8Array(room)])) {
    checksum = scanner.checksum(bytes, checksum);
    const times = new Float64Array(bytes.buffer, 0, bytes.length / TIME_BYTES);
    const at = times.findIndex((t) => t === Number.POSITIVE_INFINITY || t === Number.NEGATIVE_INFINITY);
    if (at >= 0) infinite ??= times.slice(at, at + 1);
  }
  return { checksum, check: () => checkTimes(infinite ?? new Float64Array(0), path) };
}

interface Slice {
  /** The begin of one of the buffers: valid until the slice after the next. */
  readonly bytes: Uint8Array;
  /** From the first byte of all. */
  readonly at: number;
}

/** `length` bytes from `from` in slices that fill a buffer, the next of which is read while one is looked at. */
async function* slices(
  file: FileHandle,
  path: string,
  from: number,
  length: number,
  buffers: readonly [Uint8Array, Uint8Array],
): AsyncGenerator<Slice> {
  const read = (at: number, turn: number) => {
    const buffer = buffers[turn % 2] as Uint8Array;
    return filled(file, path, buffer.subarray(0, Math.min(buffer.length, length - at)), from + at);
  };
  if (length === 0) return;
  let next = read(0, 0);
  try {
    for (let at = 0, turn = 0; at < length; turn += 1) {
      const bytes = await next;
      const after = at + bytes.length;
      if (after < length) next = read(after, turn + 1);
      yield { bytes, at };
      at = after;
    }
  } finally {
    // The buffer is being read into: nobody may close the file before.
    await next.catch(() => {});
  }
}

async function filled(file: FileHandle, path: string, into: Uint8Array, from: number): Promise<Uint8Array> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, from + done);
    if (bytesRead === 0) throw changed(path);
    done += bytesRead;
  }
  return into;
}

function changed(path: string): Error {
  return inputError(path, 'was changed while it was read, accepted: a file nobody writes to');
}

/** The operating system's reason as a problem of the file. */
function readable(path: string, error: unknown): unknown {
  const system = (error as NodeJS.ErrnoException | undefined)?.syscall !== undefined;
  return system ? inputError(path, `cannot be read: ${reasonOf(error)}`, error) : error;
}
