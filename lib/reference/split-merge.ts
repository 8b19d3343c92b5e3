/**
 * Folios split and merged (docs/semantics-designs.md, section 17). The frames stay where they are and the RMP is not
 * touched; leaves larger than the folios that are left are zapped, private ones of TDX demoted. A huge page of the pool keeps its accounts.
 */
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, pagesOf } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import { shrinkLeaves } from './leaves.js';
import {
  type Block,
  blockOf,
  blockParts,
  folioAround,
  foliosAbove,
  type GmemFile,
  type IndexRange,
  pageAt,
  rangeAround,
} from './model.js';
import { promote } from './promote.js';
import { countAttempt, firstReferenced } from './references.js';
import { mapped } from './sept.js';
import { holdsShared } from './shareability.js';
import type { State } from './state.js';

/** Why a folio is not split. */
export type SplitRefusal = 'referenced' | 'no vmemmap';

/**
 * Splits the folio of an index into folios of order `to`, unless it is referenced, which is an attempt, or hvo has no
 * vmemmap for it.
 */
export function trySplit(state: State, file: GmemFile, index: number, to: Order): SplitRefusal | undefined {
  const folio = folioAround(file, index);
  if (refusedByReference(state, file, folio)) return 'referenced';
  if (vmemmapNeeded(state, [folio], file) > 0 && !state.pool?.canSplit(1)) return 'no vmemmap';
  splitFolio(state, file, folio.first, to);
  return undefined;
}

/**
 * A folio that is referenced is not split, which is counted, and is an attempt.
 *
 * @param zapped what the op will have zapped by then: the TDX module's references on pages there do not count
 */
export function refusedByReference(
  state: State,
  file: GmemFile,
  folio: IndexRange,
  zapped: readonly IndexRange[] = [],
): boolean {
  const referenced = firstReferenced(file, folio.first, folio.end) !== undefined;
  if (!referenced && !mapped(state, file, folio, zapped)) return false;
  state.tally.split_failed += 1;
  countAttempt(file, folio.first, folio.end);
  return true;
}

/** How many of the folios are a huge page of a pool with hvo, so that a split of each takes vmemmap. */
export function vmemmapNeeded(state: State, folios: readonly IndexRange[], file: GmemFile): number {
  if (state.knobs.metadata !== 'hvo') return 0;
  return folios.filter(({ first }) => blockOf(file, first)?.order === state.hugeOrder).length;
}

/** Splits every folio above 4K that overlaps [first, end), as splitTo says. Nothing refuses it. @returns split events. */
export function splitOver(state: State, file: GmemFile, first: number, end: number): number {
  let events = 0;
  for (const folio of foliosAbove(file, first, end, ORDER_4K)) {
    const minimal = state.knobs.splitTo === 'minimal' && blockOf(file, folio.first)?.order === ORDER_1G;
    splitFolio(state, file, folio.first, minimal ? ORDER_2M : ORDER_4K);
    events += 1;
    if (minimal) events += splitOver(state, file, Math.max(first, folio.first), Math.min(end, folio.end));
  }
  return events;
}

/** A folio that has just been added and holds a shared page is split as a conversion of those pages would split it. */
export function splitNewFolio(state: State, file: GmemFile, first: number, order: Order): void {
  for (const stretch of [...file.kinds.stretches(first, first + pagesOf(order))]) {
    if (stretch.kind === 'shared') splitOver(state, file, stretch.first, stretch.end);
  }
}

function splitFolio(state: State, file: GmemFile, first: number, to: Order): void {
  const from = (blockOf(file, first) as Block).order;
  const { end } = rangeAround(first, from);
  shrinkLeaves(state, file, first, end, to);
  for (const { block } of blockParts(file, first, end)) block.order = to;
  if (from === ORDER_1G) {
    state.tally.splits_1g += 1;
    file.everSplit1g.add(first / pagesOf(ORDER_1G));
  } else {
    state.tally.splits_2m += 1;
    file.everSplit.add(first / pagesOf(ORDER_2M));
  }
  if (state.pool !== undefined && from === state.hugeOrder)
    state.pool.split(state.pool.hugePageOf(pageAt(file, first)));
}

/**
 * All pages of the aligned range are present, in smaller folios, of contiguous and aligned pfns, healthy, and, in place,
 * private. References are for the caller to look at.
 */
export function mergeable(state: State, file: GmemFile, first: number, order: Order): boolean {
  const { end } = rangeAround(first, order);
  const head = pageAt(file, first);
  if (head === NO_PFN || head % pagesOf(order) !== 0) return false;
  if (holdsShared(state, file, first, end)) return false;
  for (let base = first; base < end; base += BLOCK_PAGES) {
    const block = blockOf(file, base);
    if (block === undefined || block.order >= order) return false;
    const expected = head + (base - first);
    if (!block.pfn.every((pfn, at) => pfn === expected + at && !state.frames.poisoned.has(pfn))) return false;
  }
  return true;
}

/** Makes the aligned range one folio; the caller knows that it can be. Leaves stay. */
export function mergeFolio(state: State, file: GmemFile, first: number, order: Order): void {
  const { end } = rangeAround(first, order);
  for (const { block } of blockParts(file, first, end)) block.order = order;
  if (order === ORDER_1G) {
    state.tally.merges_1g += 1;
    file.everMerged1g.add(first / pagesOf(order));
  } else {
    state.tally.merges_2m += 1;
    file.everMerged.add(first / pagesOf(order));
  }
  if (state.pool !== undefined && order === state.hugeOrder)
    state.pool.merge(state.pool.hugePageOf(pageAt(file, first)));
}

/** A merge for the sake of the guest: its mappings may grow with the folio. */
export function mergeAndPromote(state: State, file: GmemFile, first: number, order: Order): void {
  mergeFolio(state, file, first, order);
  promote(state, file, first, order);
}

/** Merges the aligned range if it can be. A merge that cannot be is no attempt. @returns whether it was. */
export function mergeIfPossible(state: State, file: GmemFile, first: number, order: Order): boolean {
  const { end } = rangeAround(first, order);
  if (!mergeable(state, file, first, order) || firstReferenced(file, first, end) !== undefined) return false;
  mergeAndPromote(state, file, first, order);
  return true;
}
