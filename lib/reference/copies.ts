/**
 * Shared copies: the VMM's memory behind the shared accesses of a file that was not created with `mmap`
 * (docs/semantics.md, section 6, step 8). A copy belongs to an index of a file.
 */
import { NO_PFN } from '../spec/page-view.js';
import { BLOCK_PAGES, FRAME, NO_FRAME } from './frames.js';
import { blockParts, copyAt, ensureBlock, type GmemFile } from './model.js';
import { releaseFrame } from './references.js';
import type { State } from './state.js';

/** Makes the copy of an index present, cleared. @returns false when no frame is left. */
export function ensureCopy(state: State, file: GmemFile, index: number): boolean {
  if (copyAt(file, index) !== NO_PFN) return true;
  const block = ensureBlock(file, index);
  const base = index - (index % BLOCK_PAGES);
  const mayBeHuge =
    state.knobs.sharedOrder === 'thp' && base + BLOCK_PAGES <= file.pages && block.copy.every((pfn) => pfn === NO_PFN);
  const run = mayBeHuge ? state.frames.allocateBlock(FRAME.copy) : NO_FRAME;
  if (run !== NO_FRAME) {
    block.hugeCopy = true;
    for (let at = 0; at < BLOCK_PAGES; at += 1) {
      block.copy[at] = run + at;
      state.contents.clear(run + at);
    }
    state.tally.pages_cleared += BLOCK_PAGES;
    return true;
  }
  const pfn = state.frames.allocatePage(FRAME.copy);
  if (pfn === NO_FRAME) return false;
  block.copy[index % BLOCK_PAGES] = pfn;
  state.contents.clear(pfn);
  state.tally.pages_cleared += 1;
  return true;
}

/** Frees the copies of indexes [first, end). What is left of a 2M copy becomes small pages. */
export function dropCopies(state: State, file: GmemFile, first: number, end: number): void {
  for (const { block, base, first: from, end: to } of blockParts(file, first, end)) {
    block.hugeCopy = false;
    for (let index = from; index < to; index += 1) {
      const pfn = block.copy[index - base] as number;
      if (pfn === NO_PFN) continue;
      block.copy[index - base] = NO_PFN;
      releaseFrame(state, file, index, pfn);
    }
  }
}

export function dropAllCopies(state: State, file: GmemFile): void {
  dropCopies(state, file, 0, file.pages);
  file.blocks.clear();
}
