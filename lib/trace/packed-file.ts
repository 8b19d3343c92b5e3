/**
 * A packed file as ops to go through, read anew each time: a trace of gigabytes is replayed in a few megabytes, and no page
 * of memory is touched for the first time while its ops wait.
 *
 * The whole file is checked when it is opened. Afterwards every record is checked again as it is read, for the engine's
 * sake, and a file that was changed in between is an error.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
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
    const buffer = new ChunkBuffer(this);
    let file: number | undefined;
    try {
      file = openSync(this.#path, 'r');
      this.#checkUnchanged(fstatSync(file));
      for (let start = 0; start < this.length; start += CHUNK_RECORDS) {
        for (const { bytes, from } of buffer.parts(start)) this.#fill(file, bytes, from);
        yield this.#checked(buffer, start);
      }
      this.#checkUnchanged(fstatSync(file));
    } catch (error) {
      throw readable(this.#path, error);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  async *chunksAhead(): AsyncGenerator<OpChunk> {
    const buffers = [new ChunkBuffer(this), new ChunkBuffer(this)] as const;
    let file: FileHandle | undefined;
    let next: Promise<unknown> = Promise.resolve();
    try {
      file = await open(this.#path, 'r');
      const source = file;
      this.#checkUnchanged(await file.stat());
      const fetch = (start: number, buffer: ChunkBuffer): Promise<unknown> =>
        Promise.all(buffer.parts(start).map(({ bytes, from }) => filled(source, this.#path, bytes, from)));
      if (this.length > 0) next = fetch(0, buffers[0]);
      for (let start = 0, turn = 0; start < this.length; start += CHUNK_RECORDS, turn += 1) {
        await next;
        const after = start + CHUNK_RECORDS;
        next = after < this.length ? fetch(after, buffers[(turn + 1) % 2] as ChunkBuffer) : Promise.resolve();
        // Told when its turn comes, not as a rejection that nobody waits for.
        next.catch(() => {});
        yield this.#checked(buffers[turn % 2] as ChunkBuffer, start);
      }
      this.#checkUnchanged(await file.stat());
    } catch (error) {
      throw readable(this.#path, error);
    } finally {
      // A buffer is perhaps being read into: nobody may close the file before.
      await next.catch(() => {});
      await file?.close();
    }
  }

  /** What was read from record `start` on, if it is what it was. */
  #checked({ stream, records }: ChunkBuffer, start: number): OpChunk {
    if (this.#scanner.check(records) !== undefined) throw changed(this.#path);
    return { stream, start };
  }

  #fill(file: number, into: Uint8Array, from: number): void {
    for (let filled = 0; filled < into.length; ) {
      const read = readSync(file, into, filled, into.length - filled, from + filled);
      if (read === 0) throw changed(this.#path);
      filled += read;
    }
  }

  #checkUnchanged(now: Stats): void {
    for (const what of ['dev', 'ino', 'size', 'mtimeMs', 'ctimeMs'] as const) {
      if (now[what] !== this.#identity[what]) throw changed(this.#path);
    }
  }
}

/** Where a chunk of a file is read into: its records and, where the file has them, their times. */
class ChunkBuffer {
  readonly records: OpRecords;
  readonly stream: OpStream;
  readonly #times: Float64Array | null;
  readonly #file: PackedFile;

  constructor(file: PackedFile) {
    this.#file = file;
    const room = Math.min(CHUNK_RECORDS, Math.max(1, file.length));
    this.records = new OpRecords(room);
    this.stream = new OpStream(this.records);
    this.#times = file.timed ? new Float64Array(room) : null;
    this.stream.times = this.#times;
  }

  /** Makes room for the chunk from record `start` on. @returns the bytes to fill, and where in the file they begin. */
  parts(start: number): { bytes: Uint8Array; from: number }[] {
    const count = Math.min(CHUNK_RECORDS, this.#file.length - start);
    this.records.length = count;
    const parts = [{ bytes: this.records.bytes.subarray(0, count * RECORD_BYTES), from: recordsAt(start) }];
    if (this.#times !== null) {
      const from = recordsAt(this.#file.length) + start * TIME_BYTES;
      parts.push({ bytes: new Uint8Array(this.#times.buffer, 0, count * TIME_BYTES), from });
    }
    return parts;
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
