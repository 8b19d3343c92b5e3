/**
 * The frame allocator of native/core/frames.h, as far as fault paths go: whole 2M blocks from a tree of free ones, single pages
 * from the lowest block that is broken, whose free pages are 512 bits.
 */
import { BitTree, countTrailingZeros } from './bit-tree.js';

const BLOCK_PAGES = 512;
const WORDS = BLOCK_PAGES / 32;

export class Frames {
  readonly #free: BitTree;
  readonly #partial: BitTree;
  readonly #pages: Int32Array;
  /** Block the last page came from, or -1, and the word of its bits that may still have one. */
  #block = -1;
  #word = 0;
  #broken = 0;
  #pagesTaken = 0;

  constructor(blocks: number) {
    this.#free = new BitTree(blocks);
    this.#partial = new BitTree(blocks);
    this.#pages = new Int32Array(blocks * WORDS);
    for (let block = 0; block < blocks; block += 1) this.#free.set(block);
  }

  /** Number of a 2M block; -1 when no whole one is left. */
  takeBlock(): number {
    const block = this.#free.first();
    if (block >= 0) this.#free.clear(block);
    return block;
  }

  /** A pfn; -1 when nothing is left. */
  takePage(): number {
    if (this.#block < 0 && !this.#openBlock()) return -1;
    const at = this.#block * WORDS;
    let word = this.#pages[at + this.#word] as number;
    while (word === 0) {
      this.#word += 1;
      word = this.#pages[at + this.#word] as number;
    }
    const bit = countTrailingZeros(word);
    const pfn = this.#block * BLOCK_PAGES + this.#word * 32 + bit;
    this.#pages[at + this.#word] = word & (word - 1);
    this.#pagesTaken += 1;
    if ((word & (word - 1)) === 0 && this.#word === WORDS - 1) {
      this.#partial.clear(this.#block);
      this.#block = -1;
    }
    return pfn;
  }

  /** Free pages of broken blocks. */
  stranded(): number {
    return this.#broken * BLOCK_PAGES - this.#pagesTaken;
  }

  #openBlock(): boolean {
    let block = this.#partial.first();
    if (block < 0) {
      block = this.takeBlock();
      if (block < 0) return false;
      this.#broken += 1;
      this.#partial.set(block);
      this.#pages.fill(-1, block * WORDS, (block + 1) * WORDS);
    }
    this.#block = block;
    this.#word = 0;
    return true;
  }
}
