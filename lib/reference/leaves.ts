/**
 * Stage-2 leaves. An index is bound by at most one slot, so the leaf over a gfn is kept with the index behind it; a 2M
 * leaf covers a whole block of indexes, because gfn and index are congruent where one is allowed.
 */
import { ORDER_2M, ORDER_4K } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import { blockOf, blockParts, ensureBlock, type GmemFile, LEAF, type Vm } from './model.js';
import { slotParts } from './slots.js';
import type { State } from './state.js';

/** Order of the leaf that covers an index, or undefined. */
export function leafOrder(file: GmemFile, index: number): number | undefined {
  const leaf = blockOf(file, index)?.leaf[index % BLOCK_PAGES] ?? LEAF.none;
  if (leaf === LEAF.none) return undefined;
  return leaf === LEAF.huge ? ORDER_2M : ORDER_4K;
}

/** Removes every leaf that overlaps indexes [first, end); a leaf goes whole. */
export function zapIndexes(state: State, file: GmemFile, first: number, end: number): void {
  for (const part of blockParts(file, first, end)) {
    const leaves = part.block.leaf;
    for (let at = part.first - part.base; at < part.end - part.base; at += 1) {
      if (leaves[at] === LEAF.huge) {
        leaves.fill(LEAF.none);
        state.tally.zaps_2m += 1;
      } else if (leaves[at] === LEAF.small) {
        leaves[at] = LEAF.none;
        state.tally.zaps_4k += 1;
      }
    }
  }
}

/** Removes every leaf of a VM that overlaps gfns [first, end). */
export function zapGfns(state: State, vm: Vm, first: number, end: number): void {
  for (const part of slotParts(vm, first, end)) zapIndexes(state, part.slot.file, part.firstIndex, part.endIndex);
}

/** Installs a leaf of `order` over an index that has no leaf that large; smaller ones under it are torn down first. */
export function installLeaf(state: State, file: GmemFile, index: number, order: number): void {
  const block = ensureBlock(file, index);
  if (order === ORDER_2M) {
    const base = index - (index % BLOCK_PAGES);
    zapIndexes(state, file, base, base + BLOCK_PAGES);
    block.leaf.fill(LEAF.huge);
    state.tally.faults_2m += 1;
  } else {
    block.leaf[index % BLOCK_PAGES] = LEAF.small;
    state.tally.faults_4k += 1;
  }
}
