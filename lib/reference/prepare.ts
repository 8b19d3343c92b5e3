/**
 * Preparing gmem pages for the guest: clear what has no content yet, call the arch hook, mark (docs/semantics.md section
 * 6, docs/semantics-designs.md sections 15 and 16).
 */
import type { Errno } from '../spec/errnos.js';
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, pagesOf } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import { atMost2m, failingLookup, misplacedMarks, orderInWindow } from './historical-effects.js';
import type { Kind } from './kinds.js';
import {
  type Block,
  blockOf,
  blockParts,
  type GmemFile,
  type IndexRange,
  pageAt,
  rangeAround,
  type Slot,
  type Vm,
} from './model.js';
import { assign, type EntryOrder, share } from './rmp-updates.js';
import { kindOfIndex } from './shareability.js';
import { gfnOf, slotOfIndex } from './slots.js';
import type { State } from './state.js';

/**
 * Order of what may be mapped, and prepared, around an index: the largest whose aligned range lies inside the folio (or 2M
 * copy) of order `of` and inside the slot's window, with gfn and index congruent, and, in place, of one kind.
 */
export function mappingOrder(state: State, slot: Slot, index: number, of: Order, kind: Kind): Order {
  for (const order of [ORDER_1G, ORDER_2M] as const) {
    const { first, end } = rangeAround(index, order);
    const inWindow = slot.firstIndex <= first && end <= slot.firstIndex + slot.pages;
    const congruent = (slot.firstGfn - slot.firstIndex) % pagesOf(order) === 0;
    if (order > of || !inWindow || !congruent) continue;
    if (!state.inPlace || state.fullPermission || slot.file.kinds.uniform(first, end, kind)) return order;
  }
  return ORDER_4K;
}

/** The page needs nothing before the guest may use it: marked and, a private one on snp, assigned. */
export function isPrepared(state: State, file: GmemFile, index: number): boolean {
  if (blockOf(file, index)?.marked[index % BLOCK_PAGES] !== 1) return false;
  const needsRmp = state.arch === 'snp' && kindOfIndex(state, file, index) === 'private';
  return !needsRmp || state.rmp.assigned(pageAt(file, index));
}

/** Prepares the mapping range around a present page for an access of `kind`. @returns the errno of a failed hook. */
export function prepare(state: State, slot: Slot, index: number, mapped: Order, kind: Kind): Errno | undefined {
  const { file } = slot;
  const order = state.faulty('independent-align-down') ? orderInWindow(slot, index) : mapped;
  const { first, end } = rangeAround(index, order);
  const pfn = pageAt(file, first);
  const hook = state.arch === 'snp' && kind === 'private';
  const parts = blockParts(file, first, end);
  const allMarked = parts.every(({ block, base, first: from, end: to }) =>
    block.marked.subarray(from - base, to - base).every((mark) => mark === 1),
  );
  const allAssigned = !hook || state.rmp.next(pfn, pfn + pagesOf(order), false) === pfn + pagesOf(order);
  const prepared = allMarked && allAssigned && (state.knobs.preparedness !== 'none' || !hook);
  if (prepared !== state.faulty('inverted-is-prepared')) return undefined;

  for (const { block, base, first: from, end: to } of parts) {
    for (let at = from - base; at < to - base; at += 1) {
      if (block.marked[at] !== 1 || state.faulty('reclear-prepared')) clearPage(state, block, at);
    }
  }
  if (hook) {
    state.tally.prepares += 1;
    const { first: from, end: to, gfn } = hookRange(state, slot, index, order);
    if (!assignRange(state, slot.vm, pageAt(file, from), to - from, gfn)) return state.knobs.prepareErrno;
  }
  const marks = state.faulty('pointer-before-mask') ? misplacedMarks(file, index, order) : parts;
  for (const { block, base, first: from, end: to } of marks) block.marked.fill(1, from - base, to - base);
  return undefined;
}

/** The indexes the hook is called for, and the gfn of the first. */
function hookRange(state: State, slot: Slot, index: number, order: Order): IndexRange & { gfn: number } {
  let range = rangeAround(index, order);
  if (state.faulty('one-entry-for-a-folio')) range = rangeAround(index, ORDER_4K);
  if (state.faulty('hook-assumes-2m')) range = atMost2m(index, order);
  let gfn = gfnOf(slot, range.first);
  if (state.faulty('independent-align-down')) gfn = rangeAround(gfnOf(slot, index), order).first;
  return { ...range, gfn };
}

/** state-early: prepares the private, bound, healthy pages of [first, end) that are not prepared. A failing hook ends it. */
export function prepareEarly(state: State, file: GmemFile, first: number, end: number): void {
  if (state.knobs.preparedness !== 'state-early') return;
  for (let index = first; index < end; index += 1) {
    const slot = slotOfIndex(file, index);
    const pfn = pageAt(file, index);
    if (slot === undefined || pfn === NO_PFN || state.frames.poisoned.has(pfn)) continue;
    if (kindOfIndex(state, file, index) !== 'private' || isPrepared(state, file, index)) continue;
    const order = mappingOrder(state, slot, index, (blockOf(file, index) as Block).order, 'private');
    if (prepare(state, slot, index, order, 'private') !== undefined) return;
  }
}

/** A host access makes its one page readable: cleared and marked, no hook. */
export function clearAndMark(state: State, file: GmemFile, index: number): void {
  const block = blockOf(file, index) as Block;
  const at = index % BLOCK_PAGES;
  if (block.marked[at] === 1) return;
  clearPage(state, block, at);
  block.marked[at] = 1;
}

function clearPage(state: State, block: Block, at: number): void {
  state.contents.clear(block.pfn[at] as number);
  state.tally.pages_cleared += 1;
}

/**
 * The snp hook: assigns every run of unassigned pages of a range of contiguous pfns, in 2M entries where they fit. When an
 * update is given up the entries of this call are made shared again.
 */
function assignRange(state: State, vm: Vm, firstPfn: number, pages: number, firstGfn: number): boolean {
  const { rmp } = state;
  const end = firstPfn + pages;
  if (state.faulty('lookup-error-is-success') && failingLookup(rmp, firstPfn, end, firstGfn) < end) return true;
  const stop = state.faulty('retry-clears-assigned') ? failingLookup(rmp, firstPfn, end, firstGfn) : end;
  const done: { pfn: number; order: EntryOrder }[] = [];
  let pfn = rmp.next(firstPfn, end, false);
  while (pfn < stop) {
    const gfn = firstGfn + (pfn - firstPfn);
    const blockEnd = pfn + BLOCK_PAGES;
    const huge = pfn % BLOCK_PAGES === 0 && blockEnd <= end && rmp.next(pfn, blockEnd, true) === blockEnd;
    const order = huge ? ORDER_2M : ORDER_4K;
    if (!assign(state, pfn, order, { asid: vm.asid, gfn })) {
      for (const entry of done) share(state, entry.pfn, entry.order);
      return false;
    }
    done.push({ pfn, order });
    pfn = rmp.next(huge ? blockEnd : pfn + 1, end, false);
  }
  return stop === end;
}
