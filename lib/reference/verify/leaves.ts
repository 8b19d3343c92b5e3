/**
 * Stage-2: a leaf maps what is there, and is no larger than folio, slot, congruence, attributes and RMP allow.
 */
import { NO_PFN } from '../../spec/page-view.js';
import { levelName, ORDER_1G, ORDER_2M, ORDER_4K, pagesOf } from '../../spec/units.js';
import { servedFromGmem } from '../fault.js';
import { BLOCK_PAGES } from '../frames.js';
import { leafOrder } from '../leaves.js';
import { type Block, type GmemFile, LEAF, rangeAround } from '../model.js';
import { mappingOrder } from '../prepare.js';
import { kindOfIndex, uniformKind } from '../shareability.js';
import { gfnOf, slotOfIndex } from '../slots.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

const GIANT_BLOCKS = pagesOf(ORDER_1G) / BLOCK_PAGES;

export function verifyLeaves(state: State, check: Check): void {
  for (const file of state.files) {
    /** Blocks under a 1G leaf, by 1G range. */
    const giants = new Map<number, number>();
    for (const [number, block] of file.blocks) {
      for (let at = 0; at < BLOCK_PAGES; at += 1) {
        if (block.leaf[at] === LEAF.none) continue;
        const index = number * BLOCK_PAGES + at;
        const reason = whyNoLeaf(state, file, block, index);
        check(reason === undefined, () => `leaf over gmem ${file.id} index ${index}: ${reason}`);
      }
      for (const [leaf, level] of [
        [LEAF.huge, '2M'],
        [LEAF.giant, '1G'],
      ]) {
        const pages = block.leaf.reduce((sum, found) => sum + (found === leaf ? 1 : 0), 0);
        check(
          pages === 0 || pages === BLOCK_PAGES,
          () => `gmem ${file.id} block ${number}: ${pages} pages of a ${level} leaf`,
        );
      }
      const range = Math.floor(number / GIANT_BLOCKS);
      if (block.leaf[0] === LEAF.giant) giants.set(range, (giants.get(range) ?? 0) + 1);
    }
    for (const [range, blocks] of giants) {
      check(blocks === GIANT_BLOCKS, () => `gmem ${file.id} 1G range ${range}: ${blocks} blocks of a 1G leaf`);
    }
  }
}

/** @returns what forbids the leaf over an index, undefined when it is rightly there. */
function whyNoLeaf(state: State, file: GmemFile, block: Block, index: number): string | undefined {
  const at = index % BLOCK_PAGES;
  const slot = slotOfIndex(file, index);
  if (slot === undefined) return 'not bound';
  const gfn = gfnOf(slot, index);
  const kind = kindOfIndex(state, file, index);
  const fromGmem = servedFromGmem(state, slot, kind);
  const order = leafOrder(file, index) ?? ORDER_4K;
  const level = levelName(order);
  const pfn = (fromGmem ? block.pfn[at] : block.copy[at]) as number;
  if (pfn === NO_PFN) return `no ${fromGmem ? 'page' : 'copy'} behind it`;
  if (fromGmem && !file.open) return 'its file is closed';
  if (fromGmem && block.marked[at] === 0) return 'not prepared';
  if (fromGmem && state.frames.poisoned.has(pfn)) return 'poisoned';
  if (order > ORDER_4K) {
    const behind = fromGmem ? block.order : block.hugeCopy ? ORDER_2M : ORDER_4K;
    const { first, end } = rangeAround(index, order);
    const uniform = state.fullPermission || uniformKind(state, slot, first, end, kind);
    if (!uniform) return `${level}, the ${state.inPlace ? 'kinds' : 'attributes'} are mixed`;
    if (mappingOrder(state, slot, index, behind, kind) < order) return `${level}, folio or slot is not`;
  }
  if (state.arch === 'snp' && kind === 'private') {
    const entry = state.rmp.lookup(pfn);
    if (entry === undefined || entry.asid !== slot.vm.asid || entry.gfn !== gfn) return 'RMP says otherwise';
    if (order > (entry.huge ? ORDER_2M : ORDER_4K)) return `${level}, the RMP entry is ${entry.huge ? '2M' : '4K'}`;
  }
  return undefined;
}
