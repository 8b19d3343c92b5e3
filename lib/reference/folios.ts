/**
 * The page cache of a gmem file: folios added, and pages leaving it (docs/semantics.md sections 6 and 8,
 * docs/semantics-designs.md sections 14 and 16). Split and merge are in split-merge.ts.
 */
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, pagesOf } from '../spec/units.js';
import { BLOCK_PAGES, FRAME, NO_FRAME } from './frames.js';
import { unmarkRestOfWord } from './historical-effects.js';
import { type Block, blockOf, blockParts, ensureBlock, type GmemFile, pageAt, rangeAround } from './model.js';
import { prepareEarly } from './prepare.js';
import { releaseFrame } from './references.js';
import { releaseRmp } from './release-rmp.js';
import { holdsShared } from './shareability.js';
import { gfnOf, slotOfIndex } from './slots.js';
import { splitNewFolio } from './split-merge.js';
import type { State } from './state.js';

/**
 * Makes the page of an index present; it is neither cleared nor marked, but for what `state-early` prepares of a new folio.
 *
 * @param early false: populate prepares by itself
 * @returns false for ENOMEM
 */
export function ensurePage(state: State, file: GmemFile, index: number, early = true): boolean {
  if (pageAt(file, index) !== NO_PFN) return true;
  const order = state.pool === undefined ? addFromBuddy(state, file, index) : addFromPool(state, file, index);
  if (order === undefined) return false;
  const { first, end } = rangeAround(index, order);
  if (order > ORDER_4K && holdsShared(state, file, first, end)) splitNewFolio(state, file, first, order);
  if (early) prepareEarly(state, file, first, end);
  return true;
}

/** A 2M folio where one may be, else a 4K one. @returns its order, undefined for ENOMEM. */
function addFromBuddy(state: State, file: GmemFile, index: number): Order | undefined {
  if (mayBeHuge(state, file, index)) {
    const run = state.frames.allocateBlock(FRAME.gmem);
    if (run !== NO_FRAME) {
      state.tally.folios_allocated_2m += 1;
      return place(file, index, ORDER_2M, run);
    }
    state.tally.fallbacks += 1;
    if (!state.knobs.fallback) return undefined;
  }
  const pfn = state.frames.allocatePage(FRAME.gmem);
  if (pfn === NO_FRAME) {
    state.tally.fallbacks += 1;
    return undefined;
  }
  state.tally.folios_allocated_4k += 1;
  return place(file, index, ORDER_4K, pfn);
}

/** A whole huge page of the pool. One that must be split at once is not taken when hvo could not split it. */
function addFromPool(state: State, file: GmemFile, index: number): Order | undefined {
  const pool = state.pool as NonNullable<State['pool']>;
  const order = state.hugeOrder;
  const { first, end } = rangeAround(index, order);
  if (holdsShared(state, file, first, end) && !pool.canSplit(1)) return undefined;
  const run = pool.take();
  if (run === NO_FRAME) {
    state.tally.fallbacks += 1;
    return undefined;
  }
  if (order === ORDER_1G) state.tally.folios_allocated_1g += 1;
  else state.tally.folios_allocated_2m += 1;
  return place(file, index, order, run);
}

/** Puts frames from `pfn` on into the aligned range of `order` around an index. */
function place(file: GmemFile, index: number, order: Order, pfn: number): Order {
  const { first, end } = rangeAround(index, order);
  for (let at = first; at < end; ) {
    const block = ensureBlock(file, at);
    block.order = order;
    const blockEnd = Math.min(end, at - (at % BLOCK_PAGES) + BLOCK_PAGES);
    for (; at < blockEnd; at += 1) block.pfn[at % BLOCK_PAGES] = pfn + (at - first);
  }
  return order;
}

function mayBeHuge(state: State, file: GmemFile, index: number): boolean {
  const { first, end } = rangeAround(index, ORDER_2M);
  if (!state.hugeFolios || end > file.pages) return false;
  if (blockOf(file, index)?.pfn.some((pfn) => pfn !== NO_PFN)) return false;
  return !state.knobs.byAttributes || uniformlyBound(file, first);
}

/** All 512 indexes are bound by one slot, gfn and index congruent, of one kind. */
function uniformlyBound(file: GmemFile, base: number): boolean {
  const slot = slotOfIndex(file, base);
  if (slot === undefined || slot !== slotOfIndex(file, base + BLOCK_PAGES - 1)) return false;
  const gfn = gfnOf(slot, base);
  if (gfn % BLOCK_PAGES !== 0) return false;
  return file.vm.kinds.uniform(gfn, gfn + BLOCK_PAGES, file.vm.kinds.at(gfn));
}

/**
 * The present pages of [first, end), whole folios, leave the file: RMP, marks, references, frames. The caller has zapped
 * their leaves. A huge page of the pool goes back to the reservation of the file.
 *
 * @returns pages freed
 */
export function freePages(state: State, file: GmemFile, first: number, end: number): number {
  const left = new Set<number>();
  let freed = 0;
  releaseRmp(state, file, first, end);
  for (const { block, base, first: from, end: to } of blockParts(file, first, end)) {
    let pages = 0;
    for (let index = from; index < to; index += 1) {
      const pfn = block.pfn[index - base] as number;
      if (pfn === NO_PFN) continue;
      block.pfn[index - base] = NO_PFN;
      block.marked[index - base] = 0;
      file.speculative.delete(index);
      file.retained.delete(index);
      releaseFrame(state, file, index, pfn);
      if (state.pool !== undefined) left.add(state.pool.hugePageOf(pfn));
      pages += 1;
    }
    countFreed(state, block, base, pages);
    freed += pages;
  }
  if (state.faulty('unprepare-rounds-up')) unmarkRestOfWord(file, end);
  for (const hugePage of left) {
    state.pool?.settle(hugePage);
    if (state.pool !== undefined) state.pool.reserved += 1;
  }
  return freed;
}

/** Counts the folios of one block that left, a 1G folio with its first block. */
function countFreed(state: State, block: Block, base: number, pages: number): void {
  if (block.order === ORDER_4K) state.tally.folios_freed_4k += pages;
  else if (block.order === ORDER_2M) state.tally.folios_freed_2m += 1;
  else if (base % pagesOf(ORDER_1G) === 0) state.tally.folios_freed_1g += 1;
  block.order = ORDER_4K;
}
