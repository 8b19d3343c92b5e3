/**
 * Retained pages: private pages that a conversion to shared by discard left in the file, because its punch only zeroes,
 * keeps or refuses (docs/semantics-designs.md, section 19). They stay retained until a conversion to private or until freed.
 */
import { NO_PFN } from '../spec/page-view.js';
import { blockParts, type GmemFile } from './model.js';
import type { State } from './state.js';

/** Takes down what is still present of a piece that was converted to shared. */
export function retain(state: State, file: GmemFile, first: number, end: number): void {
  if (state.knobs.punch === 'split') return;
  for (const { block, base, first: from, end: to } of blockParts(file, first, end)) {
    for (let index = from; index < to; index += 1) if (block.pfn[index - base] !== NO_PFN) file.retained.add(index);
  }
  state.tally.retained_pages_peak = Math.max(state.tally.retained_pages_peak, retainedPages(state));
}

/** The guest uses [first, end) again. */
export function forgetRetained(file: GmemFile, first: number, end: number): void {
  for (const index of [...file.retained]) if (index >= first && index < end) file.retained.delete(index);
}

export function retainedPages(state: State): number {
  return state.files.reduce((sum, file) => sum + file.retained.size, 0);
}
