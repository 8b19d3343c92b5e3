/**
 * The op streams that are timed: packed records, as a replay has them.
 */
import { OpRecords } from '../lib/index.js';
import { BLOCK_PAGES } from '../lib/reference/frames.js';
import { FLAG, OP_KIND } from '../lib/spec/ops.js';
import { PAGE_BYTES } from '../lib/spec/units.js';

export const GiB = 2 ** 30;
export const BLOCK_BYTES = BLOCK_PAGES * PAGE_BYTES;

/** A file of `bytes` bound at gpa 0, private throughout. */
export function furnish(bytes: number): OpRecords {
  const records = new OpRecords(4);
  records.append(OP_KIND.create, 0, 0, 0, 0, 0, 0, bytes, 0);
  records.append(OP_KIND.bind, 0, 0, 0, 0, 0, 0, bytes, 0);
  records.append(OP_KIND.attributes, FLAG.private, 0, 0, 0, 0, 0, bytes, 0);
  return records;
}

/** `count` private faults at `address(i)`. */
export function faults(count: number, address: (i: number) => number, flags = 0): OpRecords {
  const records = new OpRecords(count);
  for (let i = 0; i < count; i += 1) {
    records.append(OP_KIND.fault, FLAG.private | flags, 0, 0, 0, 0, address(i), 0, 0);
  }
  return records;
}

/** `count` conversions of `bytes` at `address(i)`, to shared and, if `back`, right away to private again. */
export function converts(count: number, address: (i: number) => number, bytes: number, back: boolean): OpRecords {
  const records = new OpRecords(count);
  for (let i = 0; i < count; i += 1) {
    const at = address(back ? i >> 1 : i);
    const flags = back && i % 2 === 1 ? FLAG.private : 0;
    records.append(OP_KIND.convert, flags, 0, 0, 0, 0, at, bytes, 0);
  }
  return records;
}

/** `count` punches of the page at `address(i)`. */
export function punches(count: number, address: (i: number) => number): OpRecords {
  const records = new OpRecords(count);
  for (let i = 0; i < count; i += 1) records.append(OP_KIND.punch, 0, 0, 0, 0, 0, address(i), PAGE_BYTES, 0);
  return records;
}

/** A bijection of [0, 2^bits) that no prefetcher follows; bits at most 26. */
export function scrambled(i: number, bits: number): number {
  const mask = 2 ** bits - 1;
  const half = (bits + 1) >> 1;
  let x = i;
  for (const odd of [0x2c1b3c6d, 0x297a2d39]) {
    x = Math.imul(x, odd) & mask;
    x ^= x >>> half;
  }
  return x;
}
