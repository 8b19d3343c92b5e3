/**
 * Preparing gmem pages for the guest: clear what is not marked, call the arch hook, mark (docs/semantics.md, section 6).
 */
import type { Errno } from '../spec/errnos.js';
import { ORDER_2M, ORDER_4K } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import type { Kind } from './kinds.js';
import { type Block, blockOf, type GmemFile, type Slot, type Vm } from './model.js';
import { RMP_CODE } from './rmp.js';
import { gfnOf } from './slots.js';
import type { State } from './state.js';

/**
 * Order of what may be mapped, and prepared, around an index: 2M when the page is part of a 2M folio (or copy), the block
 * lies inside the slot's window, and gfn and index are congruent.
 */
export function mappingOrder(slot: Slot, index: number, hugePage: boolean): number {
  const base = index - (index % BLOCK_PAGES);
  const inWindow = slot.firstIndex <= base && base + BLOCK_PAGES <= slot.firstIndex + slot.pages;
  const congruent = (slot.firstGfn - slot.firstIndex) % BLOCK_PAGES === 0;
  return hugePage && inWindow && congruent ? ORDER_2M : ORDER_4K;
}

/** Prepares the mapping range around a present page for an access of `kind`. @returns the errno of a failed hook. */
export function prepare(state: State, slot: Slot, index: number, order: number, kind: Kind): Errno | undefined {
  const block = blockOf(slot.file, index) as Block;
  const pages = 2 ** order;
  const first = index - (index % pages);
  const from = first % BLOCK_PAGES;
  const allMarked = block.marked.subarray(from, from + pages).every((mark) => mark === 1);
  if (allMarked && state.knobs.preparedness !== 'none') return undefined;
  for (let at = from; at < from + pages; at += 1) {
    if (block.marked[at] === 1) continue;
    state.contents.clear(block.pfn[at] as number);
    state.tally.pages_cleared += 1;
  }
  if (state.arch === 'snp' && kind === 'private') {
    state.tally.prepares += 1;
    if (!assignRange(state, slot.vm, block.pfn.subarray(from, from + pages), gfnOf(slot, first))) {
      return state.knobs.prepareErrno;
    }
  }
  block.marked.fill(1, from, from + pages);
  return undefined;
}

/** A host access makes its one page readable: cleared and marked, no hook. */
export function clearAndMark(state: State, file: GmemFile, index: number): void {
  const block = blockOf(file, index) as Block;
  const at = index % BLOCK_PAGES;
  if (block.marked[at] === 1) return;
  state.contents.clear(block.pfn[at] as number);
  state.tally.pages_cleared += 1;
  block.marked[at] = 1;
}

/**
 * The snp hook: assigns every run of unassigned pages of a range, in 2M entries where they fit. When an RMPUPDATE fails
 * the entries of this call are made shared again.
 */
function assignRange(state: State, vm: Vm, pfns: Uint32Array, firstGfn: number): boolean {
  const done: { pfn: number; pages: number }[] = [];
  let at = 0;
  while (at < pfns.length) {
    const pfn = pfns[at] as number;
    if (state.rmp.assigned(pfn)) {
      at += 1;
      continue;
    }
    const huge = pfn % BLOCK_PAGES === 0 && unassignedRun(state, pfns, at) >= BLOCK_PAGES;
    const code = huge
      ? state.rmp.makePrivate2m(pfn, vm.asid, firstGfn + at)
      : state.rmp.makePrivate4k(pfn, vm.asid, firstGfn + at);
    if (code !== RMP_CODE.ok) {
      for (const entry of done) {
        if (entry.pages > 1) state.rmp.makeShared2m(entry.pfn);
        else state.rmp.makeShared4k(entry.pfn);
      }
      return false;
    }
    const pages = huge ? BLOCK_PAGES : 1;
    done.push({ pfn, pages });
    at += pages;
  }
  return true;
}

/** Unassigned pages from position `at` on. The pfns of a range are contiguous: it lies inside one folio. */
function unassignedRun(state: State, pfns: Uint32Array, at: number): number {
  let end = at;
  while (end < pfns.length && !state.rmp.assigned(pfns[end] as number)) end += 1;
  return end - at;
}
