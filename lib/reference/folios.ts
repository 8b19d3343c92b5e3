/**
 * The page cache of a gmem file: allocation of folios, split, merge, and pages leaving the file (docs/semantics.md,
 * sections 6, 8 and 11).
 */
import { NO_PFN } from '../spec/page-view.js';
import { BLOCK_PAGES, FRAME, NO_FRAME } from './frames.js';
import { zapIndexes } from './leaves.js';
import { type Block, ensureBlock, type GmemFile, LEAF, pageAt } from './model.js';
import { countAttempt, firstReferenced, releaseFrame } from './references.js';
import { gfnOf, slotOfIndex } from './slots.js';
import type { State } from './state.js';

/** Makes the page of an index present; it is neither cleared nor marked. @returns false for ENOMEM. */
export function ensurePage(state: State, file: GmemFile, index: number): boolean {
  if (pageAt(file, index) !== NO_PFN) return true;
  const block = ensureBlock(file, index);
  const base = index - (index % BLOCK_PAGES);
  const huge = mayBeHuge(state, file, block, base);
  if (huge) {
    const run = state.frames.allocateBlock(FRAME.gmem);
    if (run !== NO_FRAME) {
      block.hugeFolio = true;
      for (let at = 0; at < BLOCK_PAGES; at += 1) block.pfn[at] = run + at;
      state.tally.folios_allocated_2m += 1;
      return true;
    }
    state.tally.fallbacks += 1;
    if (!state.knobs.fallback) return false;
  }
  const pfn = state.frames.allocatePage(FRAME.gmem);
  if (pfn === NO_FRAME) {
    state.tally.fallbacks += 1;
    return false;
  }
  block.pfn[index - base] = pfn;
  state.tally.folios_allocated_4k += 1;
  return true;
}

function mayBeHuge(state: State, file: GmemFile, block: Block, base: number): boolean {
  if (!state.hugeFolios || base + BLOCK_PAGES > file.pages) return false;
  if (block.pfn.some((pfn) => pfn !== NO_PFN)) return false;
  return !state.knobs.byAttributes || uniformlyBound(file, base);
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
 * Splits the 2M folio of a block into 4K folios. A referenced one is refused, which is an attempt.
 *
 * @returns false when refused; nothing else changed then.
 */
export function splitFolio(state: State, file: GmemFile, block: Block, base: number): boolean {
  if (firstReferenced(file, base) !== undefined) {
    state.tally.split_failed += 1;
    countAttempt(file, base);
    return false;
  }
  if (block.leaf[0] === LEAF.huge) zapIndexes(state, file, base, base + 1);
  block.hugeFolio = false;
  state.tally.splits_2m += 1;
  file.everSplit.add(base / BLOCK_PAGES);
  return true;
}

/** All 512 pages are present, not poisoned, and of contiguous, aligned pfns, in 4K folios. */
export function mergeable(state: State, block: Block): boolean {
  const head = block.pfn[0] as number;
  if (block.hugeFolio || head === NO_PFN || head % BLOCK_PAGES !== 0) return false;
  return block.pfn.every((pfn, at) => pfn === head + at && !state.frames.poisoned.has(pfn));
}

export function mergeFolio(state: State, file: GmemFile, block: Block, base: number): void {
  block.hugeFolio = true;
  state.tally.merges_2m += 1;
  file.everMerged.add(base / BLOCK_PAGES);
}

/**
 * Pages of one block leave the file, [first, end) of its indexes: RMP, marks, references, frames. The caller has zapped
 * their leaves, and split the folio unless it leaves whole.
 *
 * @returns pages freed
 */
export function freePages(
  state: State,
  file: GmemFile,
  block: Block,
  base: number,
  first: number,
  end: number,
): number {
  const leaving: number[] = [];
  for (let index = first; index < end; index += 1) if (block.pfn[index - base] !== NO_PFN) leaving.push(index);
  makeShared(
    state,
    leaving.map((index) => block.pfn[index - base] as number),
  );
  for (const index of leaving) {
    const pfn = block.pfn[index - base] as number;
    block.pfn[index - base] = NO_PFN;
    block.marked[index - base] = 0;
    file.speculative.delete(index);
    releaseFrame(state, file, index, pfn);
  }
  if (block.hugeFolio) {
    block.hugeFolio = false;
    state.tally.folios_freed_2m += 1;
  } else {
    state.tally.folios_freed_4k += leaving.length;
  }
  return leaving.length;
}

/** snp: pages that leave are made shared. A 2M entry that leaves whole takes one update, otherwise it is psmashed first. */
function makeShared(state: State, pfns: readonly number[]): void {
  const leaving = new Set(pfns);
  for (const pfn of pfns) {
    const entry = state.rmp.lookup(pfn);
    if (entry === undefined) continue;
    if (entry.huge && wholeBlockIn(leaving, pfn)) {
      state.rmp.makeShared2m(pfn - (pfn % BLOCK_PAGES));
      continue;
    }
    if (entry.huge) state.rmp.psmash(pfn);
    state.rmp.makeShared4k(pfn);
  }
}

function wholeBlockIn(pfns: ReadonlySet<number>, pfn: number): boolean {
  const head = pfn - (pfn % BLOCK_PAGES);
  for (let at = 0; at < BLOCK_PAGES; at += 1) if (!pfns.has(head + at)) return false;
  return true;
}
