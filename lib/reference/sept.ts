/**
 * The S-EPT of TDX guests, as KVM mirrors it (docs/semantics-tdx.md, section 23): which private leaves the TDX module has,
 * and which of their pages the guest has accepted. A leaf is gone from the S-EPT when it is gone from the mirror.
 *
 * Kept with the leaf, by index, in `Block.sept`. Invariants: only under tdx; a page has an entry exactly where a live leaf
 * over it was installed for a private access; such a leaf is of 4K or 2M; the pages of a 2M leaf are all accepted or none.
 */
import { ORDER_2M, ORDER_4K, type Order } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import type { Kind } from './kinds.js';
import { type Block, blockOf, blockParts, type GmemFile, type IndexRange, LEAF, rangeAround, SEPT } from './model.js';
import type { State } from './state.js';

/** The block is under one private 2M leaf. */
export function underPrivate2m(block: Block): boolean {
  return block.leaf[0] === LEAF.huge && block.sept[0] !== SEPT.none;
}

/** A private leaf covers an index. */
export function hasPrivateLeaf(file: GmemFile, index: number): boolean {
  return (blockOf(file, index)?.sept[index % BLOCK_PAGES] ?? SEPT.none) !== SEPT.none;
}

/** The largest leaf an access of `kind` may get: a private one 2M at most, and 4K beside 4K leaves (the table page stays). */
export function mirrorLimit(state: State, file: GmemFile, index: number, kind: Kind): Order | undefined {
  if (state.arch !== 'tdx' || kind === 'shared') return undefined;
  return blockOf(file, index)?.leaf.includes(LEAF.small) ? ORDER_4K : ORDER_2M;
}

/** TDH.MEM.PAGE.AUG: a fault has installed the private leaf of `order` over an index; its pages are pending. */
export function augment(state: State, file: GmemFile, index: number, order: Order): void {
  enter(file, index, order, SEPT.pending);
  state.tally.sept_aug += 1;
}

/** TDH.MEM.PAGE.ADD and 16 TDH.MR.EXTEND: populate has installed the 4K leaf over an index; the page is accepted. */
export function addMeasured(state: State, file: GmemFile, index: number): void {
  enter(file, index, ORDER_4K, SEPT.accepted);
  state.tally.sept_add += 1;
}

/** TDH.MEM.PAGE.REMOVE of the leaf over pages [from, to) of a block, if it is a private one: what they hold is lost. */
export function remove(state: State, block: Block, from: number, to: number): void {
  if (block.sept[from] === SEPT.none) return;
  for (let at = from; at < to; at += 1) state.contents.clear(block.pfn[at] as number);
  block.sept.fill(SEPT.none, from, to);
  state.tally.sept_remove += 1;
}

/** TDH.MEM.PAGE.DEMOTE of the private 2M leaf over a block: 512 of 4K with its accepted flags and contents. */
export function demote(state: State, block: Block): void {
  block.leaf.fill(LEAF.small);
  state.tally.sept_demote += 1;
}

/** TDH.MEM.PAGE.PROMOTE of 512 private 4K leaves, unless some of them are accepted and some are not. */
export function tryPromote(state: State, block: Block): boolean {
  const first = block.sept[0];
  const alike = block.sept.every((entry) => entry === first) && block.leaf.every((leaf) => leaf === LEAF.small);
  if (first === SEPT.none || !alike) return false;
  block.leaf.fill(LEAF.huge);
  state.tally.sept_promote += 1;
  return true;
}

/** TDG.MEM.PAGE.ACCEPT of the leaf over an index. @returns false when its page is accepted already. */
export function accept(file: GmemFile, index: number): boolean {
  const block = blockOf(file, index) as Block;
  const at = index % BLOCK_PAGES;
  if (block.sept[at] === SEPT.accepted) return false;
  if (underPrivate2m(block)) block.sept.fill(SEPT.accepted);
  else block.sept[at] = SEPT.accepted;
  return true;
}

/** `refs: counted`: the module holds a reference on a page of the folio, other than on those the op is about to zap. */
export function mapped(state: State, file: GmemFile, folio: IndexRange, zapped: readonly IndexRange[]): boolean {
  if (state.arch !== 'tdx' || state.knobs.refs === 'frozen') return false;
  const goes = (index: number) => zapped.some(({ first, end }) => first <= index && index < end);
  return blockParts(file, folio.first, folio.end).some(({ block, base, first, end }) => {
    for (let index = first; index < end; index += 1) {
      if (block.sept[index - base] !== SEPT.none && !goes(index)) return true;
    }
    return false;
  });
}

function enter(file: GmemFile, index: number, order: Order, entry: number): void {
  const { first, end } = rangeAround(index, order);
  for (const { block, base } of blockParts(file, first, end)) block.sept.fill(entry, first - base, end - base);
}
