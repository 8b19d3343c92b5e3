/**
 * What the historical faults do wrong, where that takes more than leaving something out (historical.ts). Nothing here runs
 * unless a test has switched the fault on.
 */
import { ORDER_2M, ORDER_4K, type Order, pagesOf } from '../spec/units.js';
import {
  type BlockPart,
  blockOf,
  blockParts,
  ensureBlock,
  type GmemFile,
  type IndexRange,
  rangeAround,
  type Slot,
} from './model.js';
import type { Rmp } from './rmp.js';

/** Pages a word of the prepared bitmap stands for. */
const WORD_PAGES = 64;

/** `unprepare-rounds-up`: takes the marks from `end` to the end of its word. */
export function unmarkRestOfWord(file: GmemFile, end: number): void {
  unmark(file, end, Math.ceil(end / WORD_PAGES) * WORD_PAGES);
}

/** `stale-marks-after-failed-split`: takes the marks of [first, end), whose pages stay. */
export function unmark(file: GmemFile, first: number, end: number): void {
  for (const { block, base, first: from, end: to } of blockParts(file, first, end)) {
    block.marked.fill(0, from - base, to - base);
  }
}

/** `pointer-before-mask`: where the marks of 2^order pages around an index go; what would lie beyond the file is lost. */
export function misplacedMarks(file: GmemFile, index: number, order: Order): BlockPart[] {
  const first = order === ORDER_4K ? index : index - (index % WORD_PAGES);
  const end = Math.min(file.pages, first + pagesOf(order));
  ensureBlock(file, end - 1);
  return blockParts(file, first, end);
}

/** `independent-align-down`: the prepare range of a 2M folio wherever the window holds it, congruent or not. */
export function orderInWindow(slot: Slot, index: number): Order {
  const { first, end } = rangeAround(index, ORDER_2M);
  const inWindow = slot.firstIndex <= first && end <= slot.firstIndex + slot.pages;
  return inWindow && blockOf(slot.file, index)?.order === ORDER_2M ? ORDER_2M : ORDER_4K;
}

/** `hook-assumes-2m`: the range the hook assigns when it is called for 2^order pages around an index. */
export function atMost2m(index: number, order: Order): IndexRange {
  return rangeAround(index, Math.min(order, ORDER_2M));
}

/**
 * `lookup-error-is-success` and `retry-clears-assigned`: the lookup that fails, the first page of [pfn, end) assigned at
 * another gfn than a walk from `gfn` on has for it. `end` when there is none.
 */
export function failingLookup(rmp: Rmp, pfn: number, end: number, gfn: number): number {
  for (let at = rmp.next(pfn, end, true); at < end; at = rmp.next(at + 1, end, true)) {
    if (rmp.lookup(at)?.gfn !== gfn + (at - pfn)) return at;
  }
  return end;
}

/**
 * `rollback-underflow`: counts down from below `end` to `first`. A refused piece has changed nothing, so there is nothing
 * to undo at any index.
 *
 * @throws Error when the index wraps, where the kernel would never come back
 */
export function rollBackUnsigned(first: number, end: number): void {
  const before = (index: bigint) => BigInt.asUintN(64, index - 1n);
  for (let index = before(BigInt(end)); index >= BigInt(first); index = before(index)) {
    if (index >= BigInt(end)) throw new Error('the rollback does not end: its index went below 0');
  }
}
