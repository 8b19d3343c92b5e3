/**
 * snp: pages that leave the guest are made shared in the RMP, whoever frees or converts them (docs/semantics.md section 8,
 * docs/semantics-designs.md section 18).
 */
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_2M, ORDER_4K } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import { blockParts, type GmemFile } from './model.js';
import { share, smash } from './rmp-updates.js';
import type { State } from './state.js';

/**
 * Makes the assigned pages among indexes [first, end) shared. A 2M entry all of whose pages are among them takes one 2M
 * update; another one is psmashed first, and each page takes a 4K update.
 */
export function releaseRmp(state: State, file: GmemFile, first: number, end: number): void {
  if (state.arch !== 'snp') return;
  for (const { block, base, first: from, end: to } of blockParts(file, first, end)) {
    const pfns = block.pfn.subarray(from - base, to - base);
    for (const pfn of pfns) {
      const entry = pfn === NO_PFN ? undefined : state.rmp.lookup(pfn);
      if (entry === undefined) continue;
      // A 2M entry lies over one block of indexes: it was made for a folio of that block, and its pages never moved.
      if (entry.huge && pfns.length === BLOCK_PAGES) {
        share(state, pfn, ORDER_2M);
        continue;
      }
      if (entry.huge) smash(state, pfn);
      share(state, pfn, ORDER_4K);
    }
  }
}
