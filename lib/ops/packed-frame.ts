/**
 * What stands around the records of a packed file (layout in packed-layout.ts): reads its header and checks its footer, for
 * every reader of such files alike.
 */
import { crc32 } from 'node:zlib';
import { RECORD_BYTES } from '../spec/ops.js';
import { OP_PLANS } from './encode.js';
import {
  END_MARK,
  FOOTER_BYTES,
  HAS_TIMES,
  HEADER_BYTES,
  layoutChecksum,
  PACKED_MAGIC,
  PACKED_VERSION,
} from './packed-layout.js';
import { inputError } from './problems.js';
import { MAX_RECORDS } from './records.js';

export interface PackedHeader {
  /** Records. */
  readonly count: number;
  readonly timesBytes: number;
  readonly notesBytes: number;
  /** Of the whole file. */
  readonly totalBytes: number;
}

/** Sections with a checksum, in the order of the file. */
const SECTIONS = ['records', 'times', 'notes'] as const;

/** @throws GmemError `ERR_GMEM_INPUT` when a file cannot begin like this. */
export function checkMagic(begin: Uint8Array, file: string): void {
  const wanted = PACKED_MAGIC.subarray(0, begin.length);
  if (!wanted.every((byte, i) => begin[i] === byte)) throw inputError(file, 'bad magic, accepted: a .gmt file');
}

/**
 * Reads the HEADER_BYTES a file begins with.
 *
 * @param sizeBytes of the file, when known: one that is too short for its header is told now.
 * @throws GmemError `ERR_GMEM_INPUT` for any header but one of a file that this version reads.
 */
export function readHeader(bytes: Uint8Array, file: string, sizeBytes: number | undefined): PackedHeader {
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  checkMagic(bytes.subarray(0, PACKED_MAGIC.length), file);
  const version = header.getUint16(8, true);
  if (version !== PACKED_VERSION) throw inputError(file, `version: got ${version}, accepted: ${PACKED_VERSION}`);
  if (header.getUint32(HEADER_BYTES - 4, true) !== crc32(bytes.subarray(0, HEADER_BYTES - 4))) {
    throw inputError(file, 'header is damaged: its checksum does not match');
  }
  const kinds = header.getUint16(12, true);
  if (kinds > OP_PLANS.length || header.getUint32(16, true) !== layoutChecksum(kinds)) {
    throw inputError(file, 'was written with other op kinds, accepted: those of this version (go through .jsonl)');
  }
  const bits = header.getUint16(14, true);
  const count = header.getFloat64(24, true);
  const notesBytes = header.getFloat64(32, true);
  const legal =
    header.getUint16(10, true) === RECORD_BYTES &&
    (bits & ~HAS_TIMES) === 0 &&
    header.getUint32(20, true) === 0 &&
    header.getUint32(40, true) === 0 &&
    Number.isInteger(count) &&
    count >= 0 &&
    count <= MAX_RECORDS &&
    Number.isSafeInteger(notesBytes) &&
    notesBytes >= 0;
  if (!legal) throw inputError(file, `header is not one of version ${PACKED_VERSION}`);
  const timesBytes = (bits & HAS_TIMES) === 0 ? 0 : count * 8;
  const totalBytes = HEADER_BYTES + count * RECORD_BYTES + timesBytes + notesBytes + FOOTER_BYTES;
  if (sizeBytes !== undefined && sizeBytes < totalBytes) {
    throw inputError(file, `ends too early: ${sizeBytes} of ${totalBytes} bytes, accepted: a complete file`);
  }
  return { count, timesBytes, notesBytes, totalBytes };
}

/**
 * Checks the FOOTER_BYTES a file ends with.
 *
 * @param checksums of records, times and notes as they were read.
 * @throws GmemError `ERR_GMEM_INPUT`.
 */
export function checkFooter(bytes: Uint8Array, checksums: readonly number[], file: string): void {
  const footer = new DataView(bytes.buffer, bytes.byteOffset, FOOTER_BYTES);
  SECTIONS.forEach((section, i) => {
    if (footer.getUint32(4 * i, true) !== checksums[i]) {
      throw inputError(file, `${section} are damaged: their checksum does not match`);
    }
  });
  if (footer.getUint32(12, true) !== END_MARK) throw inputError(file, 'has no end mark');
}

/** @throws GmemError `ERR_GMEM_INPUT` for an infinite time; NaN is the time of an op that has none. */
export function checkTimes(times: Float64Array, file: string): void {
  for (const t of times) {
    if (t === Number.POSITIVE_INFINITY || t === Number.NEGATIVE_INFINITY) {
      throw inputError(file, 'times: got an infinite number, accepted: finite ones');
    }
  }
}

export function trailingBytes(file: string): Error {
  return inputError(file, 'more bytes after the end mark, accepted: nothing');
}
