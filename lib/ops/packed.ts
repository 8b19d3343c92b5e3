/**
 * Writes an op stream in the packed form `.gmt` (layout in packed-layout.ts), which loads as fast as it is read.
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
import { PackedReader } from './packed-reader.js';
import type { OpStream } from './stream.js';

const CHUNK_BYTES = 1 << 20;

/** A stream in the packed form, in chunks. A chunk of records aliases the stream. */
export function* packedChunks(stream: OpStream): Generator<Uint8Array> {
  const records = stream.records.bytes.subarray(0, stream.length * RECORD_BYTES);
  const times = timesOf(stream);
  const notes = notesOf(stream);

  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const headerBytes = new Uint8Array(header.buffer);
  headerBytes.set(PACKED_MAGIC);
  header.setUint16(8, PACKED_VERSION, true);
  header.setUint16(10, RECORD_BYTES, true);
  header.setUint16(12, OP_PLANS.length, true);
  header.setUint16(14, times.length > 0 ? HAS_TIMES : 0, true);
  header.setUint32(16, layoutChecksum(OP_PLANS.length), true);
  header.setFloat64(24, stream.length, true);
  header.setFloat64(
    32,
    notes.reduce((sum, part) => sum + part.length, 0),
    true,
  );
  header.setUint32(HEADER_BYTES - 4, crc32(headerBytes.subarray(0, HEADER_BYTES - 4)), true);
  yield headerBytes;

  const footer = new DataView(new ArrayBuffer(FOOTER_BYTES));
  const sections = [pieces(records), pieces(times), notes];
  for (const [i, section] of sections.entries()) {
    let checksum = 0;
    for (const piece of section) {
      checksum = crc32(piece, checksum);
      yield piece;
    }
    footer.setUint32(4 * i, checksum, true);
  }
  footer.setUint32(12, END_MARK, true);
  yield new Uint8Array(footer.buffer);
}

/** A stream in the packed form, whole. */
export function formatPacked(stream: OpStream): Uint8Array {
  return Buffer.concat([...packedChunks(stream)]);
}

/**
 * Reads the packed form from memory.
 *
 * @param file name shown in error messages.
 * @throws GmemError `ERR_GMEM_INPUT` for anything but a whole, undamaged file of a known version.
 */
export function parsePacked(bytes: Uint8Array, file = 'input'): OpStream {
  const reader = new PackedReader(file, bytes.length);
  reader.push(bytes);
  return reader.finish();
}

/** The times of every op as bytes; none if no op has one. */
function timesOf(stream: OpStream): Uint8Array {
  const { length } = stream;
  const times = stream.times?.subarray(0, length);
  if (times === undefined || times.every((t) => Number.isNaN(t))) return new Uint8Array(0);
  if (times.length === length) return new Uint8Array(times.buffer, times.byteOffset, times.byteLength);
  const padded = new Float64Array(length).fill(Number.NaN);
  padded.set(times);
  return new Uint8Array(padded.buffer);
}

function notesOf(stream: OpStream): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let text = '';
  for (const [i, { derived = null, source = null, note = null }] of stream.notes) {
    if (i >= stream.length) break;
    text += `${JSON.stringify([i, derived, source, note])}\n`;
    if (text.length >= CHUNK_BYTES) {
      parts.push(Buffer.from(text, 'utf8'));
      text = '';
    }
  }
  if (text !== '') parts.push(Buffer.from(text, 'utf8'));
  return parts;
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
