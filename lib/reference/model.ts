/**
 * The objects of the modelled kernel: VMs, memslots, gmem files and their pages. Plain data; the rooms beside this file
 * hold the rules.
 */
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_4K, type Order, pagesOf } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import type { Kinds } from './kinds.js';

export interface Vm {
  readonly id: number;
  readonly asid: number;
  /** The id is gone; slots and leaves live on while files of the VM are open. */
  destroyed: boolean;
  finalized: boolean;
  /** A page was populated. */
  launching: boolean;
  readonly kinds: Kinds;
  /** Ascending by gfn, disjoint. */
  slots: Slot[];
}

/** Binds gfns [firstGfn, firstGfn + pages) to indexes from firstIndex of a file. */
export interface Slot {
  readonly number: number;
  readonly vm: Vm;
  readonly file: GmemFile;
  readonly firstGfn: number;
  readonly firstIndex: number;
  readonly pages: number;
}

/** tdx: what the TDX module has for a page: no entry, one the guest has yet to accept, or one it has accepted. */
export const SEPT = { none: 0, pending: 1, accepted: 2 } as const;

/** Stage-2 leaf over a page. */
export const LEAF = { none: 0, small: 1, huge: 2, giant: 3 } as const;

/** 512 indexes of a file, page by page. Made when the first of them is used. */
export class Block {
  /** gmem page of each index, NO_PFN when absent. */
  readonly pfn = new Uint32Array(BLOCK_PAGES).fill(NO_PFN);
  /**
   * Order of the folios here: 18, the block is part of a 1G folio; 9, it is one 2M folio; 0, each present page is a 4K
   * folio.
   */
  order: Order = ORDER_4K;
  /** The content is defined: cleared, populated or converted. */
  readonly marked = new Uint8Array(BLOCK_PAGES);
  readonly leaf = new Uint8Array(BLOCK_PAGES);
  /** tdx: a SEPT value for each page, that of the private leaf over it. */
  readonly sept = new Uint8Array(BLOCK_PAGES);
  /** Shared copy of each index, memory of the VMM outside gmem. */
  readonly copy = new Uint32Array(BLOCK_PAGES).fill(NO_PFN);
  /** The 512 copies are one 2M page. */
  hugeCopy = false;
}

/** A gup pin: `count` references on the frame that stood at an index when it was pinned. */
export interface Pin {
  readonly pfn: number;
  count: number;
}

export interface GmemFile {
  readonly id: number;
  readonly vm: Vm;
  readonly pages: number;
  readonly mmap: boolean;
  readonly initShared: boolean;
  open: boolean;
  /** In place: kind by index. */
  readonly kinds: Kinds;
  /** natural: the ranges that turned shared in one piece, first index to end. */
  readonly sharedRanges: Map<number, number>;
  /** Discard: private pages that a conversion to shared left. */
  readonly retained: Set<number>;
  /** Slots that bind it; they outlive the handle. */
  slots: Slot[];
  readonly blocks: Map<number, Block>;
  /** By index, oldest first; frames that left the file are orphans of it. */
  readonly pins: Map<number, Pin[]>;
  /** By index of a present page: refused attempts the transient reference still lasts. */
  readonly speculative: Map<number, number>;
  /** Numbers of the 2M and of the 1G ranges whose folio was ever split, or made by a merge. */
  readonly everSplit: Set<number>;
  readonly everMerged: Set<number>;
  readonly everSplit1g: Set<number>;
  readonly everMerged1g: Set<number>;
}

export function blockOf(file: GmemFile, index: number): Block | undefined {
  return file.blocks.get(Math.floor(index / BLOCK_PAGES));
}

export function ensureBlock(file: GmemFile, index: number): Block {
  const number = Math.floor(index / BLOCK_PAGES);
  let block = file.blocks.get(number);
  if (block === undefined) {
    block = new Block();
    file.blocks.set(number, block);
  }
  return block;
}

/** pfn of the gmem page, NO_PFN when absent. */
export function pageAt(file: GmemFile, index: number): number {
  return blockOf(file, index)?.pfn[index % BLOCK_PAGES] ?? NO_PFN;
}

/** pfn of the shared copy, NO_PFN when there is none. */
export function copyAt(file: GmemFile, index: number): number {
  return blockOf(file, index)?.copy[index % BLOCK_PAGES] ?? NO_PFN;
}

/** One block's part of a range of indexes. */
export interface BlockPart {
  readonly block: Block;
  /** First index of the block. */
  readonly base: number;
  /** The part, as indexes [first, end). */
  readonly first: number;
  readonly end: number;
}

/** The blocks in use that [first, end) overlaps, ascending. */
export function blockParts(file: GmemFile, first: number, end: number): BlockPart[] {
  if (first >= end) return [];
  const firstBlock = Math.floor(first / BLOCK_PAGES);
  const endBlock = Math.ceil(end / BLOCK_PAGES);
  let numbers: number[];
  if (endBlock - firstBlock > file.blocks.size) {
    numbers = [...file.blocks.keys()].filter((n) => n >= firstBlock && n < endBlock).sort((a, b) => a - b);
  } else {
    numbers = Array.from({ length: endBlock - firstBlock }, (_, i) => firstBlock + i);
  }
  const parts: BlockPart[] = [];
  for (const number of numbers) {
    const block = file.blocks.get(number);
    if (block === undefined) continue;
    const base = number * BLOCK_PAGES;
    parts.push({ block, base, first: Math.max(first, base), end: Math.min(end, base + BLOCK_PAGES) });
  }
  return parts;
}

/** A run of indexes [first, end). */
export interface IndexRange {
  readonly first: number;
  readonly end: number;
}

/** The aligned range of 2^order indexes around one. */
export function rangeAround(index: number, order: number): IndexRange {
  const pages = pagesOf(order);
  const first = index - (index % pages);
  return { first, end: first + pages };
}

/** The folio a present page is in. */
export function folioAround(file: GmemFile, index: number): IndexRange {
  return rangeAround(index, blockOf(file, index)?.order ?? ORDER_4K);
}

/** The folios of an order above `above` that overlap [first, end), ascending. */
export function foliosAbove(file: GmemFile, first: number, end: number, above: Order): IndexRange[] {
  const folios: IndexRange[] = [];
  for (const part of blockParts(file, first, end)) {
    if (part.block.order <= above) continue;
    const folio = rangeAround(part.base, part.block.order);
    if (folios.at(-1)?.first !== folio.first) folios.push(folio);
  }
  return folios;
}
