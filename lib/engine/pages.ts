/**
 * What an engine knows of a range of pages of a gmem file, as a window of packed words (lib/spec/page-view.ts) with typed
 * accessors. A snapshot: ops that run later do not change it.
 */
import { NO_PFN, PAGE_BIT, PAGE_FLAGS, PAGE_VIEW, PAGE_VIEW_WORDS, type PageFlag } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, PAGE_BYTES } from '../spec/units.js';
import { argumentError, toChoice, toInstance, toInteger } from './arguments.js';

/** The last page whose offset in a file is a safe integer. */
export const LAST_PAGE = Math.floor(Number.MAX_SAFE_INTEGER / PAGE_BYTES);

/** The RMP entry of an assigned page (arch snp). */
export interface RmpEntry {
  /** Address space id: vm + 1. */
  readonly asid: number;
  readonly gfn: number;
  /** Size of the entry. */
  readonly order: Order;
  readonly validated: boolean;
  readonly immutable: boolean;
}

/** One page, as a plain object. */
export interface Page {
  /** Page number in the file. */
  readonly index: number;
  readonly kind: 'private' | 'shared';
  readonly bound: boolean;
  /** Host page number of the gmem page; `undefined` when there is none. */
  readonly pfn: number | undefined;
  /** Host page number of the shared copy outside gmem. */
  readonly sharedPfn: number | undefined;
  /** Order of the gmem folio; `undefined` when the page is absent. */
  readonly order: Order | undefined;
  /** Order of the stage-2 leaf that covers the page. */
  readonly leaf: Order | undefined;
  readonly prepared: boolean;
  readonly pinned: boolean;
  readonly poisoned: boolean;
  readonly rmp: RmpEntry | undefined;
}

export class PageView implements Iterable<Page> {
  /** Index of the first page. */
  readonly first: number;
  /** Pages in the view. */
  readonly length: number;
  /** The packed words, `PAGE_VIEW_WORDS` a page. */
  readonly words: Uint32Array;

  /** @throws GmemError `ERR_GMEM_ARGUMENT` for no position in a file, or words of no whole number of pages. */
  constructor(first: number, words: Uint32Array) {
    toInteger('first', first, 0, LAST_PAGE);
    if (toInstance('words', words, Uint32Array).length % PAGE_VIEW_WORDS !== 0) {
      throw argumentError(`words: ${words.length} of them, accepted: ${PAGE_VIEW_WORDS} a page`);
    }
    this.first = first;
    this.length = words.length / PAGE_VIEW_WORDS;
    this.words = words;
  }

  /**
   * Whether page `i` of the view has a flag.
   *
   * @throws GmemError `ERR_GMEM_ARGUMENT` (as all accessors) when `i` is outside the view.
   */
  has(i: number, flag: PageFlag): boolean {
    return (this.#bits(i) & PAGE_BIT[toChoice('flag', flag, PAGE_FLAGS)]) !== 0;
  }

  pfn(i: number): number | undefined {
    return pfnOrNone(this.#word(i, PAGE_VIEW.pfn));
  }

  sharedPfn(i: number): number | undefined {
    return pfnOrNone(this.#word(i, PAGE_VIEW.sharedPfn));
  }

  /** Order of the gmem folio; `undefined` when the page is absent. */
  order(i: number): Order | undefined {
    const bits = this.#bits(i);
    if ((bits & PAGE_BIT.present) === 0) return undefined;
    if ((bits & PAGE_BIT.folio1g) !== 0) return ORDER_1G;
    return (bits & PAGE_BIT.folio2m) !== 0 ? ORDER_2M : ORDER_4K;
  }

  /** Order of the stage-2 leaf that covers the page; `undefined` when none does. */
  leaf(i: number): Order | undefined {
    const bits = this.#bits(i);
    if ((bits & PAGE_BIT.leaf1g) !== 0) return ORDER_1G;
    if ((bits & PAGE_BIT.leaf2m) !== 0) return ORDER_2M;
    return (bits & PAGE_BIT.leaf4k) !== 0 ? ORDER_4K : undefined;
  }

  /** The RMP entry; `undefined` when the page is not assigned, and on every arch but snp. */
  rmp(i: number): RmpEntry | undefined {
    const bits = this.#bits(i);
    if ((bits & PAGE_BIT.rmpAssigned) === 0) return undefined;
    const owner = this.#word(i, PAGE_VIEW.rmpOwner);
    return {
      asid: owner & 0xffff,
      gfn: (owner >>> 16) * 2 ** 32 + this.#word(i, PAGE_VIEW.rmpGfn),
      order: (bits & PAGE_BIT.rmp2m) !== 0 ? ORDER_2M : ORDER_4K,
      validated: (bits & PAGE_BIT.rmpValidated) !== 0,
      immutable: (bits & PAGE_BIT.rmpImmutable) !== 0,
    };
  }

  /** Everything of page `i`. */
  page(i: number): Page {
    const shared = this.has(i, 'shared');
    return {
      index: this.first + i,
      kind: shared ? 'shared' : 'private',
      bound: this.has(i, 'bound'),
      pfn: this.pfn(i),
      sharedPfn: this.sharedPfn(i),
      order: this.order(i),
      leaf: this.leaf(i),
      prepared: this.has(i, 'prepared'),
      pinned: this.has(i, 'pinned'),
      poisoned: this.has(i, 'poisoned'),
      rmp: this.rmp(i),
    };
  }

  *[Symbol.iterator](): Iterator<Page> {
    for (let i = 0; i < this.length; i += 1) yield this.page(i);
  }

  #bits(i: number): number {
    return this.#word(i, PAGE_VIEW.bits);
  }

  #word(i: number, position: number): number {
    toInteger('page', i, 0, this.length - 1);
    return this.words[i * PAGE_VIEW_WORDS + position] as number;
  }
}

function pfnOrNone(word: number): number | undefined {
  return word === NO_PFN ? undefined : word;
}
