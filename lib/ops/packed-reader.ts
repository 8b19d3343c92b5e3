/**
 * Reads the packed form `.gmt` (layout in packed-layout.ts) from bytes as they come. Every record is checked as well as
 * the checksums, so that no damaged or hostile file gives an op the JSON reader would refuse.
 *
 * Invariants: `#part` bytes of `#target` are filled; memory grows with what was read, not with what the header claims,
 * unless the file's size bears the claim out.
 */
import { crc32 } from 'node:zlib';
import { RECORD_BYTES } from '../spec/ops.js';
import { LineSplitter } from './lines.js';
import { checkFooter, checkMagic, checkTimes, readHeader, trailingBytes } from './packed-frame.js';
import { FOOTER_BYTES, HEADER_BYTES, PACKED_MAGIC } from './packed-layout.js';
import { InputProblems, inputError } from './problems.js';
import { findBadRecord } from './record-check.js';
import { OpRecords } from './records.js';
import { OpStream } from './stream.js';

const PARTS = ['header', 'records', 'times', 'notes', 'footer', 'end'] as const;
/** Records allocated for on trust. */
const TRUSTED_RECORDS = 1 << 16;

export class PackedReader {
  readonly #file: string;
  readonly #sizeBytes: number | undefined;
  readonly #small = Buffer.alloc(Math.max(HEADER_BYTES, FOOTER_BYTES));
  #part = 0;
  /** Bytes of the part there are, and that were read. */
  #partBytes = HEADER_BYTES;
  #read = 0;
  #count = 0;
  #checked = 0;
  #timesBytes = 0;
  #notesBytes = 0;
  #times = new Float64Array(0);
  readonly #checksums = [0, 0, 0];
  #stream = new OpStream(new OpRecords(1));
  readonly #problems: InputProblems;
  readonly #notes: LineSplitter;
  #lastNote = -1;

  /**
   * @param file name shown in error messages.
   * @param sizeBytes size of the file when known: room is made at once, and a wrong size is told early.
   */
  constructor(file: string, sizeBytes?: number) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#problems = new InputProblems(file);
    this.#notes = new LineSplitter(this.#problems, (bytes, start, end, line) =>
      this.#note(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'), line),
    );
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#part === PARTS.length - 1) {
        throw trailingBytes(this.#file);
      }
      const piece = chunk.subarray(at, at + Math.min(chunk.length - at, this.#partBytes - this.#read));
      this.#store(piece);
      this.#read += piece.length;
      at += piece.length;
      while (this.#part < PARTS.length - 1 && this.#read === this.#partBytes) this.#next();
    }
  }

  /** @throws GmemError `ERR_GMEM_INPUT` if the file ended too early. */
  finish(): OpStream {
    if (this.#part < PARTS.length - 1) {
      if (this.#part === 0) checkMagic(this.#small.subarray(0, Math.min(this.#read, PACKED_MAGIC.length)), this.#file);
      throw this.#error(
        `ends too early: ${this.#read} of ${this.#partBytes} bytes of its ${PARTS[this.#part]}, accepted: a complete file`,
      );
    }
    return this.#stream;
  }

  #store(piece: Uint8Array): void {
    switch (PARTS[this.#part]) {
      case 'records': {
        const records = this.#stream.records;
        const filled = this.#read + piece.length;
        const needed = Math.ceil(filled / RECORD_BYTES);
        if (needed * RECORD_BYTES > records.bytes.length) {
          records.length = Math.ceil(this.#read / RECORD_BYTES);
          this.#reserve(Math.min(this.#count, 2 * needed));
        }
        records.bytes.set(piece, this.#read);
        this.#checksums[0] = crc32(piece, this.#checksums[0]);
        const whole = Math.floor(filled / RECORD_BYTES);
        const bad = findBadRecord(records.bytes, this.#checked, whole);
        if (bad !== undefined) throw this.#error(`record ${bad.record}: ${bad.message}`);
        this.#checked = whole;
        break;
      }
      case 'times':
        new Uint8Array(this.#times.buffer).set(piece, this.#read);
        this.#checksums[1] = crc32(piece, this.#checksums[1]);
        break;
      case 'notes':
        this.#checksums[2] = crc32(piece, this.#checksums[2]);
        this.#notes.push(piece);
        break;
      default:
        this.#small.set(piece, this.#read);
    }
  }

  /** A part is complete: checks it, and begins the next. */
  #next(): void {
    const part = PARTS[this.#part];
    this.#part += 1;
    this.#read = 0;
    switch (part) {
      case 'header':
        this.#header();
        this.#partBytes = this.#count * RECORD_BYTES;
        break;
      case 'records':
        this.#stream.records.length = this.#count;
        this.#partBytes = this.#timesBytes;
        if (this.#timesBytes > 0) this.#times = this.#allocate(() => new Float64Array(this.#count));
        break;
      case 'times':
        if (this.#timesBytes > 0) this.#stream.times = this.#times;
        this.#partBytes = this.#notesBytes;
        break;
      case 'notes':
        this.#notes.finish();
        this.#partBytes = FOOTER_BYTES;
        break;
      case 'footer':
        this.#footer();
        this.#partBytes = 0;
    }
  }

  #header(): void {
    const header = readHeader(this.#small, this.#file, this.#sizeBytes);
    this.#count = header.count;
    this.#timesBytes = header.timesBytes;
    this.#notesBytes = header.notesBytes;
    this.#reserve(this.#sizeBytes === undefined ? Math.min(this.#count, TRUSTED_RECORDS) : this.#count);
  }

  #footer(): void {
    checkFooter(this.#small, this.#checksums, this.#file);
    this.#problems.throwIfAny();
    checkTimes(this.#times, this.#file);
  }

  #note(text: string, line: number): void {
    let fields: unknown;
    try {
      fields = JSON.parse(text);
    } catch {
      fields = undefined;
    }
    const [i, derived, source, note] = Array.isArray(fields) && fields.length === 4 ? fields : [];
    const legal =
      Number.isInteger(i) &&
      i > this.#lastNote &&
      i < this.#count &&
      (derived === null || typeof derived === 'boolean') &&
      (source === null || typeof source === 'string') &&
      (note === null || typeof note === 'string');
    if (!legal) {
      this.#problems.add(line, 1, 'notes', 'damaged, accepted: [op, derived, source, note], ops ascending');
      return;
    }
    this.#lastNote = i;
    this.#stream.notes.set(i, { derived: derived ?? undefined, source: source ?? undefined, note: note ?? undefined });
  }

  #reserve(records: number): void {
    this.#allocate(() => this.#stream.records.reserve(records));
  }

  #allocate<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw inputError(this.#file, `${this.#count} ops do not fit into memory`, error);
    }
  }

  #error(message: string): Error {
    return inputError(this.#file, message);
  }
}
