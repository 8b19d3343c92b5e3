/**
 * The host's page frames: one state byte a pfn, and the naive lowest-first allocator over them (docs/semantics.md, section 3).
 *
 * The lowest `poolBlocks` blocks belong to the pool (pool.ts): they have a state a page, and the allocator never sees them.
 *
 * Primary state: `state[pfn]` and the set of poisoned pfns. Everything else is a count that verify.ts recomputes:
 * used and unmovable pages a 2M block, the class of a block, and how many blocks of each condition a 1G region has.
 */
export const BLOCK_PAGES = 512;
export const REGION_BLOCKS = 512;
export const NO_FRAME = -1;

/** Who holds a frame. Copies, and orphans that were copies, are movable; all others are not. */
export const FRAME = {
  free: 0,
  gmem: 1,
  copy: 2,
  pressure: 3,
  /** Left its file while pinned, by what it was. */
  orphanGmem: 4,
  orphanCopy: 5,
  /** Poisoned and out of use for good. */
  poisoned: 6,
  /** Of the pool, and no page of a file. */
  pool: 7,
  /** struct pages of a huge page that was split (hvo). */
  vmemmap: 8,
} as const;
export type FrameState = (typeof FRAME)[keyof typeof FRAME];

export const CLASS = { none: 0, movable: 1, unmovable: 2 } as const;

/** Condition of a 2M block, as the allocator sees it. */
export const CONDITION = { free: 0, partialMovable: 1, partialUnmovable: 2, full: 3 } as const;

export function isMovable(state: FrameState): boolean {
  return state === FRAME.copy || state === FRAME.orphanCopy;
}

export class Frames {
  readonly pages: number;
  readonly blocks: number;
  readonly regions: number;
  /** Blocks of the pool, from 0. */
  readonly poolBlocks: number;
  readonly state: Uint8Array;
  readonly poisoned = new Set<number>();
  readonly usedInBlock: Uint16Array;
  readonly unmovableInBlock: Uint16Array;
  readonly classOfBlock: Uint8Array;
  /** Blocks of each condition, four numbers a region. */
  readonly census: Uint16Array;
  /** Frames in each state. */
  readonly inState = new Float64Array(9);
  hostPagesPeak = 0;
  copyPagesPeak = 0;

  /** @param memoryBytes rounded down to 2 MiB. */
  constructor(memoryBytes: number, poolBlocks = 0) {
    this.blocks = Math.floor(memoryBytes / (BLOCK_PAGES * 4096));
    this.pages = this.blocks * BLOCK_PAGES;
    this.regions = Math.ceil(this.blocks / REGION_BLOCKS);
    this.state = new Uint8Array(this.pages);
    this.usedInBlock = new Uint16Array(this.blocks);
    this.unmovableInBlock = new Uint16Array(this.blocks);
    this.classOfBlock = new Uint8Array(this.blocks);
    this.census = new Uint16Array(this.regions * 4);
    this.poolBlocks = poolBlocks;
    this.inState[FRAME.free] = this.pages;
    for (let block = poolBlocks; block < this.blocks; block += 1) this.#countBlock(block, +1);
  }

  /** Frames held by gmem folios, shared copies, orphans and poison. */
  get hostPages(): number {
    const at = (state: FrameState) => this.inState[state] as number;
    return at(FRAME.gmem) + at(FRAME.copy) + at(FRAME.orphanGmem) + at(FRAME.orphanCopy) + at(FRAME.poisoned);
  }

  /** Frames the allocator can still give. */
  get freePages(): number {
    return this.inState[FRAME.free] as number;
  }

  get copyPages(): number {
    return this.inState[FRAME.copy] as number;
  }

  /** @returns a pfn now in `state`, or NO_FRAME. */
  allocatePage(state: FrameState): number {
    const [own, other] = isMovable(state)
      ? [CONDITION.partialMovable, CONDITION.partialUnmovable]
      : [CONDITION.partialUnmovable, CONDITION.partialMovable];
    let block = this.#lowestBlock(own);
    if (block === NO_FRAME) block = this.#lowestBlock(CONDITION.free);
    if (block === NO_FRAME) block = this.#lowestBlock(other);
    if (block === NO_FRAME) return NO_FRAME;
    const pfn = this.state.indexOf(FRAME.free, block * BLOCK_PAGES);
    this.become(pfn, state);
    this.#notePeaks();
    return pfn;
  }

  /** @returns the first pfn of an aligned run of 512, all now in `state`, or NO_FRAME. */
  allocateBlock(state: FrameState): number {
    let block = this.#lowestBlock(CONDITION.free, (region) => this.#freeBlocks(region) < REGION_BLOCKS);
    if (block === NO_FRAME) block = this.#lowestBlock(CONDITION.free);
    if (block === NO_FRAME) return NO_FRAME;
    const first = block * BLOCK_PAGES;
    this.allocateRun(first, BLOCK_PAGES, state);
    return first;
  }

  /** Gives out a run of frames that the caller has chosen, as one allocation. */
  allocateRun(first: number, pages: number, state: FrameState): void {
    for (let pfn = first; pfn < first + pages; pfn += 1) this.become(pfn, state);
    this.#notePeaks();
  }

  /** The one place a frame changes hands. */
  become(pfn: number, state: FrameState): void {
    const block = Math.floor(pfn / BLOCK_PAGES);
    const before = this.state[pfn] as FrameState;
    this.state[pfn] = state;
    this.inState[before] = (this.inState[before] as number) - 1;
    this.inState[state] = (this.inState[state] as number) + 1;
    if (block < this.poolBlocks) return;
    this.#countBlock(block, -1);
    this.#countPage(block, before, -1);
    this.#countPage(block, state, +1);
    if (this.usedInBlock[block] === 0) this.classOfBlock[block] = CLASS.none;
    else if (this.classOfBlock[block] === CLASS.none) {
      this.classOfBlock[block] = isMovable(state) ? CLASS.movable : CLASS.unmovable;
    }
    this.#countBlock(block, +1);
  }

  conditionOf(block: number): number {
    const used = this.usedInBlock[block];
    if (used === 0) return CONDITION.free;
    if (used === BLOCK_PAGES) return CONDITION.full;
    return this.classOfBlock[block] === CLASS.movable ? CONDITION.partialMovable : CONDITION.partialUnmovable;
  }

  /** Wholly free, aligned and complete runs of `blocks` 2M blocks, as first pfns, ascending. */
  freeRuns(blocks: number): number[] {
    const runs: number[] = [];
    for (let first = 0; first + blocks <= this.blocks; first += blocks) {
      let free = true;
      for (let block = first; block < first + blocks; block += 1) {
        free &&= block >= this.poolBlocks && this.usedInBlock[block] === 0;
      }
      if (free) runs.push(first * BLOCK_PAGES);
    }
    return runs;
  }

  /** Free pages of the buddy allocator, ascending. */
  freePfns(): number[] {
    const pfns: number[] = [];
    for (let pfn = this.poolBlocks * BLOCK_PAGES; pfn < this.pages; pfn += 1) {
      if (this.state[pfn] === FRAME.free) pfns.push(pfn);
    }
    return pfns;
  }

  /** Free pages in blocks that are neither free nor full and that an unmovable page keeps broken. */
  strandedPages(): number {
    let stranded = 0;
    for (let block = this.poolBlocks; block < this.blocks; block += 1) {
      const used = this.usedInBlock[block] as number;
      if (used < BLOCK_PAGES && (this.unmovableInBlock[block] as number) > 0) stranded += BLOCK_PAGES - used;
    }
    return stranded;
  }

  /** Position in `census` of the region of a block, for a condition. */
  static censusAt(block: number, condition: number): number {
    return Math.floor(block / REGION_BLOCKS) * 4 + condition;
  }

  #freeBlocks(region: number): number {
    return this.census[region * 4 + CONDITION.free] as number;
  }

  #lowestBlock(condition: number, accept: (region: number) => boolean = () => true): number {
    for (let region = 0; region < this.regions; region += 1) {
      if (this.census[region * 4 + condition] === 0 || !accept(region)) continue;
      const first = Math.max(this.poolBlocks, region * REGION_BLOCKS);
      for (let block = first; block < Math.min(this.blocks, (region + 1) * REGION_BLOCKS); block += 1) {
        if (this.conditionOf(block) === condition) return block;
      }
    }
    return NO_FRAME;
  }

  #countBlock(block: number, by: number): void {
    const at = Frames.censusAt(block, this.conditionOf(block));
    this.census[at] = (this.census[at] as number) + by;
  }

  #countPage(block: number, state: FrameState, by: number): void {
    if (state === FRAME.free) return;
    this.usedInBlock[block] = (this.usedInBlock[block] as number) + by;
    if (!isMovable(state)) this.unmovableInBlock[block] = (this.unmovableInBlock[block] as number) + by;
  }

  #notePeaks(): void {
    this.hostPagesPeak = Math.max(this.hostPagesPeak, this.hostPages);
    this.copyPagesPeak = Math.max(this.copyPagesPeak, this.copyPages);
  }
}
