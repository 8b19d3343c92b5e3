/**
 * Stage-2 leaves. An index is bound by at most one slot, so the leaf over a gfn is kept with the index behind it; a huge
 * leaf covers an aligned range of indexes, because gfn and index are congruent where one is allowed.
 */
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import type { Kind } from './kinds.js';
import {
  type Block,
  blockOf,
  blockParts,
  ensureBlock,
  type GmemFile,
  LEAF,
  rangeAround,
  SEPT,
  type Vm,
} from './model.js';
import { augment, demote, remove, underPrivate2m } from './sept.js';
import { slotParts } from './slots.js';
import type { State } from './state.js';

const ORDER_OF_LEAF: Readonly<Record<number, Order>> = {
  [LEAF.small]: ORDER_4K,
  [LEAF.huge]: ORDER_2M,
  [LEAF.giant]: ORDER_1G,
};

/** Order of the leaf that covers an index, or undefined. */
export function leafOrder(file: GmemFile, index: number): Order | undefined {
  return ORDER_OF_LEAF[blockOf(file, index)?.leaf[index % BLOCK_PAGES] ?? LEAF.none];
}

/** Which leaves an invalidation reaches, and of them only those of an order above `above`. */
export interface Zapped {
  readonly kind?: Kind | undefined;
  readonly above?: Order;
}

/**
 * What an invalidation by the file reaches (kvm_gmem_get_invalidate_filter): by discard the file holds private pages alone,
 * in place pages of either kind.
 */
export function ofFile(state: State): Zapped {
  return state.inPlace ? {} : { kind: 'private' };
}

/**
 * Removes every leaf that overlaps indexes [first, end). A leaf goes whole, but a private one of TDX that lies only partly
 * inside is demoted first (kvm_split_cross_boundary_leafs). Only TDX keeps private and shared leaves in tables of their own,
 * so only there does the kind that was asked for spare the others (kvm_gfn_range_filter_to_root_types).
 */
export function zapIndexes(state: State, file: GmemFile, first: number, end: number, zapped: Zapped = {}): void {
  const { above = -1 } = zapped;
  const kind = state.arch === 'tdx' ? zapped.kind : undefined;
  for (const part of blockParts(file, first, end)) {
    const leaves = part.block.leaf;
    const inPart = part.end - part.first < BLOCK_PAGES;
    if (inPart && kind !== 'shared' && underPrivate2m(part.block)) demote(state, part.block);
    for (let at = part.first - part.base; at < part.end - part.base; at += 1) {
      const order = ORDER_OF_LEAF[leaves[at] as number];
      if (order === undefined || order <= above || (kind !== undefined && kindOfLeaf(part.block, at) !== kind))
        continue;
      if (order === ORDER_1G) {
        const whole = rangeAround(part.base, ORDER_1G);
        for (const { block } of blockParts(file, whole.first, whole.end)) block.leaf.fill(LEAF.none);
        state.tally.zaps_1g += 1;
      } else if (order === ORDER_2M) {
        remove(state, part.block, 0, BLOCK_PAGES);
        leaves.fill(LEAF.none);
        state.tally.zaps_2m += 1;
      } else {
        remove(state, part.block, at, at + 1);
        leaves[at] = LEAF.none;
        state.tally.zaps_4k += 1;
      }
    }
  }
}

/** The folios of [first, end) are of order `to` now: larger leaves go, but private ones of TDX, which are demoted. */
export function shrinkLeaves(state: State, file: GmemFile, first: number, end: number, to: Order): void {
  if (to < ORDER_2M) {
    for (const { block } of blockParts(file, first, end)) if (underPrivate2m(block)) demote(state, block);
  }
  zapIndexes(state, file, first, end, { ...ofFile(state), above: to });
}

/** Removes the leaves of a VM that overlap gfns [first, end). */
export function zapGfns(state: State, vm: Vm, first: number, end: number, zapped: Zapped = {}): void {
  for (const part of slotParts(vm, first, end))
    zapIndexes(state, part.slot.file, part.firstIndex, part.endIndex, zapped);
}

/** Under TDX: the table a live leaf is in. */
function kindOfLeaf(block: Block, at: number): Kind {
  return block.sept[at] === SEPT.none ? 'shared' : 'private';
}

/** A fault installs a leaf of `order` over an index that has none that large; smaller ones under it are torn down first. */
export function installLeaf(state: State, file: GmemFile, index: number, order: Order, kind: Kind): void {
  install(state, file, index, order);
  if (state.arch === 'tdx' && kind === 'private') augment(state, file, index, order);
}

/** The leaf alone, for whatever reason. */
export function install(state: State, file: GmemFile, index: number, order: Order): void {
  if (order === ORDER_4K) {
    ensureBlock(file, index).leaf[index % BLOCK_PAGES] = LEAF.small;
    state.tally.faults_4k += 1;
    return;
  }
  const { first, end } = rangeAround(index, order);
  zapIndexes(state, file, first, end);
  for (const { block } of blockParts(file, first, end)) block.leaf.fill(order === ORDER_1G ? LEAF.giant : LEAF.huge);
  if (order === ORDER_1G) state.tally.faults_1g += 1;
  else state.tally.faults_2m += 1;
}
