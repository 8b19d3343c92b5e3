/**
 * Layout of the packed form `.gmt` (docs/formats.md). Everything is little-endian.
 *
 * | part    | bytes                | holds                                                                      |
 * |---------|----------------------|----------------------------------------------------------------------------|
 * | header  | 48                   | below                                                                      |
 * | records | 40 x records         | as in lib/spec/ops.ts                                                      |
 * | times   | 8 x records, or none | f64 microseconds, NaN where an op has no `t`                               |
 * | notes   | as the header says   | JSON lines `[op, derived, source, note]`, null where absent, ascending ops |
 * | footer  | 16                   | u32 CRC-32 of records, times, notes, then the end mark                     |
 *
 * | header at | type  | holds                                                                     |
 * |-----------|-------|---------------------------------------------------------------------------|
 * | 0         | u8[8] | magic                                                                     |
 * | 8         | u16   | version                                                                   |
 * | 10        | u16   | bytes a record                                                            |
 * | 12        | u16   | op kinds the writer knew                                                  |
 * | 14        | u16   | bit 0: there are times                                                    |
 * | 16        | u32   | CRC-32 of the layout of those kinds: a kind number means the same op here |
 * | 20        | u32   | zero                                                                      |
 * | 24        | f64   | records                                                                   |
 * | 32        | f64   | bytes of notes                                                            |
 * | 40        | u32   | zero                                                                      |
 * | 44        | u32   | CRC-32 of the 44 bytes before                                             |
 */
import { crc32 } from 'node:zlib';
import { OP_PLANS } from './encode.js';

/** Like PNG's: not text, and broken by whatever rewrites line ends. */
export const PACKED_MAGIC = Uint8Array.of(0x89, 0x47, 0x4d, 0x54, 0x0d, 0x0a, 0x1a, 0x0a);
export const PACKED_VERSION = 1;
export const HEADER_BYTES = 48;
export const FOOTER_BYTES = 16;
/** "END." */
export const END_MARK = 0x2e444e45;
export const HAS_TIMES = 1;

/** CRC-32 of what the first `kinds` ops are and where their keys sit. Ops added behind do not change it. */
export function layoutChecksum(kinds: number): number {
  const layout = OP_PLANS.slice(0, kinds).map(({ name, keys }) => [
    name,
    keys.map(([key, spec]) => [
      key,
      spec.type,
      'field' in spec ? spec.field : spec.flag,
      'values' in spec ? spec.values : [],
      'inverted' in spec ? spec.inverted : false,
    ]),
  ]);
  return crc32(JSON.stringify(layout));
}
