/**
 * The pool: huge pages of one size, carved out of host memory at creation, out of the buddy allocator's sight
 * (docs/semantics-designs.md, section 14).
 *
 * Primary state: the use of each huge page, what open files have reserved and not taken, and, with hvo, the vmemmap
 * frames of each huge page that is split. `inUse` counts the uses; verify.ts recounts it.
 */
import { PAGE_BYTES } from '../spec/units.js';
import { FRAME, type Frames, NO_FRAME } from './frames.js';

export const POOL_USE = {
  free: 0,
  /** One folio of a file. */
  whole: 1,
  /** Smaller folios of a file. */
  split: 2,
  /** Left its file; some of its frames are orphans. */
  draining: 3,
  /** Out of use: it was freed with a poisoned page. */
  lost: 4,
} as const;
export type PoolUse = (typeof POOL_USE)[keyof typeof POOL_USE];

const STRUCT_PAGE_BYTES = 64;

/** Huge pages of `pages` frames that a pool takes of a host: 15 of 16. */
export function poolHugePages(memoryBytes: number, pages: number): number {
  const complete = Math.floor(memoryBytes / (pages * PAGE_BYTES));
  return Math.floor((15 * complete) / 16);
}

export class Pool {
  /** Frames of a huge page. */
  readonly pages: number;
  readonly use: Uint8Array;
  readonly inUse: number[];
  /** Huge pages promised to open files and not taken by them yet. */
  reserved = 0;
  /** With hvo: vmemmap frames a split takes. Without: 0. */
  readonly vmemmapPages: number;
  /** Vmemmap frames of each huge page that is split. */
  readonly vmemmap = new Map<number, number[]>();
  readonly #frames: Frames;

  constructor(frames: Frames, hugePages: number, pages: number, hvo: boolean) {
    this.#frames = frames;
    this.pages = pages;
    this.use = new Uint8Array(hugePages);
    this.inUse = [hugePages, 0, 0, 0, 0];
    this.vmemmapPages = hvo ? (pages * STRUCT_PAGE_BYTES) / PAGE_BYTES - 1 : 0;
    for (let pfn = 0; pfn < hugePages * pages; pfn += 1) frames.become(pfn, FRAME.pool);
  }

  has(pfn: number): boolean {
    return pfn < this.use.length * this.pages;
  }

  hugePageOf(pfn: number): number {
    return Math.floor(pfn / this.pages);
  }

  /** Promises huge pages to a file. @returns false when fewer are free and promised to nobody. */
  reserve(hugePages: number): boolean {
    if ((this.inUse[POOL_USE.free] as number) - this.reserved < hugePages) return false;
    this.reserved += hugePages;
    return true;
  }

  /** Takes the lowest free huge page out of a reservation. @returns its first pfn, or NO_FRAME. */
  take(): number {
    const hugePage = this.use.indexOf(POOL_USE.free);
    if (hugePage < 0) return NO_FRAME;
    this.reserved -= 1;
    this.#becomes(hugePage, POOL_USE.whole);
    this.#frames.allocateRun(hugePage * this.pages, this.pages, FRAME.gmem);
    return hugePage * this.pages;
  }

  /** There is vmemmap to split this many huge pages. */
  canSplit(hugePages: number): boolean {
    return this.vmemmapPages * hugePages <= this.#frames.freePages;
  }

  /** The folio that is the huge page was split. */
  split(hugePage: number): void {
    const taken: number[] = [];
    for (let page = 0; page < this.vmemmapPages; page += 1) taken.push(this.#frames.allocatePage(FRAME.vmemmap));
    if (this.vmemmapPages > 0) this.vmemmap.set(hugePage, taken);
    this.#becomes(hugePage, POOL_USE.split);
  }

  /** The huge page is one folio again. */
  merge(hugePage: number): void {
    this.#giveVmemmap(hugePage);
    this.#becomes(hugePage, POOL_USE.whole);
  }

  /** A frame has no owner any more; what becomes of its huge page is for `settle`. */
  abandon(pfn: number): void {
    this.#frames.become(pfn, FRAME.pool);
  }

  /** The huge page leaves its file, or an orphan of it was unpinned: decides its use by what its frames are now. */
  settle(hugePage: number): void {
    const { state, poisoned } = this.#frames;
    let orphans = 0;
    let broken = false;
    for (let pfn = hugePage * this.pages; pfn < (hugePage + 1) * this.pages; pfn += 1) {
      if (state[pfn] === FRAME.orphanGmem) orphans += 1;
      broken ||= poisoned.has(pfn);
    }
    if (broken) this.#loseIdleFrames(hugePage);
    if (orphans > 0) {
      this.#becomes(hugePage, POOL_USE.draining);
      return;
    }
    this.#giveVmemmap(hugePage);
    this.#becomes(hugePage, broken ? POOL_USE.lost : POOL_USE.free);
  }

  #loseIdleFrames(hugePage: number): void {
    for (let pfn = hugePage * this.pages; pfn < (hugePage + 1) * this.pages; pfn += 1) {
      if (this.#frames.state[pfn] === FRAME.pool) this.#frames.become(pfn, FRAME.poisoned);
    }
  }

  #giveVmemmap(hugePage: number): void {
    for (const pfn of this.vmemmap.get(hugePage) ?? []) this.#frames.become(pfn, FRAME.free);
    this.vmemmap.delete(hugePage);
  }

  #becomes(hugePage: number, use: PoolUse): void {
    const before = this.use[hugePage] as PoolUse;
    this.inUse[before] = (this.inUse[before] as number) - 1;
    this.inUse[use] = (this.inUse[use] as number) + 1;
    this.use[hugePage] = use;
  }
}
