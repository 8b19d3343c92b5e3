/**
 * What becomes of the mappings of a folio that has just been merged (docs/semantics-tdx.md, section 24).
 */
import { ORDER_2M, ORDER_4K, type Order } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import { leafOrder, zapIndexes } from './leaves.js';
import { type Block, blockOf, type GmemFile, pageAt, rangeAround } from './model.js';
import { mappingOrder } from './prepare.js';
import { reassign, share } from './rmp-updates.js';
import { tryPromote } from './sept.js';
import { uniformKind } from './shareability.js';
import { gfnOf, slotOfIndex } from './slots.js';
import type { State } from './state.js';

export function promote(state: State, file: GmemFile, first: number, order: Order): void {
  if (state.knobs.promote === 'none') return;
  if (state.arch === 'none' || state.arch === 'pkvm') {
    unmapSmaller(state, file, first, order);
    return;
  }
  const { end } = rangeAround(first, order);
  for (let head = first; head < end; head += BLOCK_PAGES) {
    if (!mappable2m(state, file, head)) continue;
    const promoted =
      state.arch === 'tdx' ? tryPromote(state, blockOf(file, head) as Block) : rebuild(state, file, head);
    if (promoted) state.tally.promotions += 1;
  }
}

/** The next fault maps the folio whole: nothing but smaller leaves stands in its way. */
function unmapSmaller(state: State, file: GmemFile, first: number, order: Order): void {
  const { end } = rangeAround(first, order);
  for (let index = first; index < end; index += 1) {
    if ((leafOrder(file, index) ?? order) >= order) continue;
    zapIndexes(state, file, first, end);
    state.tally.promotions += 1;
    return;
  }
}

/** snp: 512 4K entries of this guest, at the gfns the slot gives their pages, become one of 2M. @returns false: they are not. */
function rebuild(state: State, file: GmemFile, head: number): boolean {
  const slot = slotOfIndex(file, head);
  if (slot === undefined) return false;
  const pfn = pageAt(file, head);
  const gfn = gfnOf(slot, head);
  for (let page = 0; page < BLOCK_PAGES; page += 1) {
    const entry = state.rmp.lookup(pfn + page);
    if (entry === undefined || entry.huge || entry.asid !== slot.vm.asid || entry.gfn !== gfn + page) return false;
  }
  zapIndexes(state, file, head, head + BLOCK_PAGES);
  for (let page = 0; page < BLOCK_PAGES; page += 1) share(state, pfn + page, ORDER_4K);
  reassign(state, pfn, ORDER_2M, { asid: slot.vm.asid, gfn });
  return true;
}

/** A private access to the block would find a mapping order of 2M, and all of it private. */
function mappable2m(state: State, file: GmemFile, head: number): boolean {
  const slot = slotOfIndex(file, head);
  if (slot === undefined || mappingOrder(state, slot, head, ORDER_2M, 'private') < ORDER_2M) return false;
  return uniformKind(state, slot, head, head + BLOCK_PAGES, 'private');
}
