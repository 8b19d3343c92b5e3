/**
 * Stage-2: a leaf maps what is there, and is no larger than folio, slot, congruence, attributes and RMP allow.
 */
import { NO_PFN } from '../../spec/page-view.js';
import { servedFromGmem } from '../fault.js';
import { BLOCK_PAGES } from '../frames.js';
import { type Block, type GmemFile, LEAF } from '../model.js';
import { mappingOrder } from '../prepare.js';
import { gfnOf, slotOfIndex } from '../slots.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

export function verifyLeaves(state: State, check: Check): void {
  for (const file of state.files) {
    for (const [number, block] of file.blocks) {
      for (let at = 0; at < BLOCK_PAGES; at += 1) {
        if (block.leaf[at] === LEAF.none) continue;
        const index = number * BLOCK_PAGES + at;
        const reason = whyNoLeaf(state, file, block, index);
        check(reason === undefined, () => `leaf over gmem ${file.id} index ${index}: ${reason}`);
      }
      const huge = block.leaf.filter((leaf) => leaf === LEAF.huge).length;
      check(huge === 0 || huge === BLOCK_PAGES, () => `gmem ${file.id} block ${number}: ${huge} pages of a 2M leaf`);
    }
  }
}

/** @returns what forbids the leaf over an index, undefined when it is rightly there. */
function whyNoLeaf(state: State, file: GmemFile, block: Block, index: number): string | undefined {
  const at = index % BLOCK_PAGES;
  const slot = slotOfIndex(file, index);
  if (slot === undefined) return 'not bound';
  const gfn = gfnOf(slot, index);
  const kind = slot.vm.kinds.at(gfn);
  const fromGmem = servedFromGmem(slot, kind);
  const huge = block.leaf[at] === LEAF.huge;
  const pfn = (fromGmem ? block.pfn[at] : block.copy[at]) as number;
  if (pfn === NO_PFN) return `no ${fromGmem ? 'page' : 'copy'} behind it`;
  if (fromGmem && !file.open) return 'its file is closed';
  if (fromGmem && block.marked[at] === 0) return 'not prepared';
  if (fromGmem && state.frames.poisoned.has(pfn)) return 'poisoned';
  if (huge) {
    if (mappingOrder(slot, index, fromGmem ? block.hugeFolio : block.hugeCopy) === 0) return '2M, folio or slot is not';
    const head = gfn - (gfn % BLOCK_PAGES);
    if (!slot.vm.kinds.uniform(head, head + BLOCK_PAGES, kind)) return '2M, the attributes are mixed';
  }
  if (state.arch === 'snp' && kind === 'private') {
    const entry = state.rmp.lookup(pfn);
    if (entry === undefined || entry.asid !== slot.vm.asid || entry.gfn !== gfn) return 'RMP says otherwise';
    if (huge && !entry.huge) return '2M, the RMP entry is 4K';
  }
  return undefined;
}
