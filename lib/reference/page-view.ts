/**
 * Page views (lib/spec/page-view.ts): what the state says about one index.
 */
import { matchesQuery, NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS, type PageQuery } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import { blockOf, type GmemFile, LEAF, pageAt } from './model.js';
import { isPrepared } from './prepare.js';
import { shownPinned } from './references.js';
import { kindOfIndex } from './shareability.js';
import { slotOfIndex } from './slots.js';
import type { State } from './state.js';

export function viewPages(state: State, file: GmemFile, first: number, count: number, into: Uint32Array): void {
  for (let i = 0; i < count; i += 1) {
    viewPage(state, file, first + i, into.subarray(i * PAGE_VIEW_WORDS, (i + 1) * PAGE_VIEW_WORDS));
  }
}

/** Counts page by page what their views say: what the native engine's scans are held against. */
export function countPages(state: State, file: GmemFile, first: number, count: number, query: PageQuery): number {
  const view = new Uint32Array(PAGE_VIEW_WORDS);
  let pages = 0;
  for (let index = first; index < first + count; index += 1) {
    viewPage(state, file, index, view);
    if (matchesQuery(query, view[PAGE_VIEW.bits] as number)) pages += 1;
  }
  return pages;
}

function viewPage(state: State, file: GmemFile, index: number, into: Uint32Array): void {
  const block = blockOf(file, index);
  const at = index % BLOCK_PAGES;
  const pfn = pageAt(file, index);
  const slot = slotOfIndex(file, index);
  const kind = kindOfIndex(state, file, index);
  const entry = pfn === NO_PFN ? undefined : state.rmp.lookup(pfn);
  let bits = 0;
  const setIf = (bit: number, condition: boolean | undefined) => {
    if (condition) bits |= bit;
  };
  setIf(PAGE_BIT.present, pfn !== NO_PFN);
  setIf(PAGE_BIT.prepared, isPrepared(state, file, index));
  setIf(PAGE_BIT.folio2m, block !== undefined && block.order >= ORDER_2M);
  setIf(PAGE_BIT.folio1g, block?.order === ORDER_1G);
  setIf(PAGE_BIT.leaf4k, block?.leaf[at] === LEAF.small);
  setIf(PAGE_BIT.leaf2m, block?.leaf[at] === LEAF.huge);
  setIf(PAGE_BIT.leaf1g, block?.leaf[at] === LEAF.giant);
  setIf(PAGE_BIT.shared, kind === 'shared');
  setIf(PAGE_BIT.bound, slot !== undefined);
  setIf(PAGE_BIT.pinned, shownPinned(file, index));
  setIf(PAGE_BIT.poisoned, state.frames.poisoned.has(pfn));
  setIf(PAGE_BIT.sharedCopy2m, block?.hugeCopy);
  setIf(PAGE_BIT.rmpAssigned, entry !== undefined);
  setIf(PAGE_BIT.rmp2m, entry?.huge);
  setIf(PAGE_BIT.rmpValidated, entry?.validated);
  setIf(PAGE_BIT.rmpImmutable, entry?.immutable);
  into[PAGE_VIEW.pfn] = pfn;
  into[PAGE_VIEW.sharedPfn] = block?.copy[at] ?? NO_PFN;
  into[PAGE_VIEW.bits] = bits;
  into[PAGE_VIEW.rmpGfn] = entry === undefined ? 0 : entry.gfn % 2 ** 32;
  into[PAGE_VIEW.rmpOwner] = entry === undefined ? 0 : entry.asid + Math.floor(entry.gfn / 2 ** 32) * 2 ** 16;
}
