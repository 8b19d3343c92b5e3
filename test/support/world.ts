/**
 * What the stream generator believes about the world it builds: files, slots, kinds and the pages it used last. It
 * only aims ops at places where something can happen; it decides no answer, and it may be wrong (an op it took for a
 * success may have been refused).
 */
import type { Random } from './prng.js';

export const BLOCK = 512;

export interface File {
  id: number;
  vm: number;
  pages: number;
  mmap: boolean;
  initShared: boolean;
  open: boolean;
}

export interface Slot {
  vm: number;
  slot: number;
  gfn: number;
  pages: number;
  file: File;
  /** File page the slot starts at. */
  index: number;
}

/** A run of pages: gfns of a VM or indexes of a file, as the caller says. */
export interface Span {
  page: number;
  pages: number;
}

interface KindRange {
  vm: number;
  from: number;
  to: number;
  isPrivate: boolean;
}

const REMEMBERED_SPOTS = 12;
const REMEMBERED_RANGES = 40;

export class World {
  vms: number[] = [];
  files: File[] = [];
  slots: Slot[] = [];
  pins: { file: File; span: Span; speculative: boolean }[] = [];
  /** Guest and VMM writes made last. */
  readonly written: { vm: number; gpa: number; size: number }[] = [];
  readonly #privateAtFirst: boolean;
  #spots: { file: File; index: number }[] = [];
  #kinds: KindRange[] = [];

  constructor(privateAtFirst: boolean) {
    this.#privateAtFirst = privateAtFirst;
  }

  openFiles(): File[] {
    return this.files.filter((file) => file.open);
  }

  slotsOf(file: File): Slot[] {
    return this.slots.filter((slot) => slot.file === file);
  }

  remember(file: File, index: number): void {
    this.#spots.push({ file, index });
    if (this.#spots.length > REMEMBERED_SPOTS) this.#spots.shift();
  }

  wrote(access: { vm: number; gpa: number; size: number }): void {
    this.written.push(access);
    if (this.written.length > REMEMBERED_SPOTS) this.written.shift();
  }

  setKind(vm: number, span: Span, isPrivate: boolean): void {
    this.#kinds.push({ vm, from: span.page, to: span.page + span.pages, isPrivate });
    if (this.#kinds.length > REMEMBERED_RANGES) this.#kinds.shift();
  }

  isPrivate(vm: number, gfn: number): boolean {
    const range = this.#kinds.findLast((kind) => kind.vm === vm && gfn >= kind.from && gfn < kind.to);
    return range?.isPrivate ?? this.#privateAtFirst;
  }

  /** A file page worth hitting, within `within`: recently used, at an edge of the range or of a block, or any. */
  page(random: Random, file: File, within: Span, skew = 0): number {
    const last = within.page + within.pages - 1;
    const clamp = (page: number) => Math.min(last, Math.max(within.page, page));
    const spots = this.#spots.filter((spot) => spot.file === file);
    const how = random.weighted({ recent: spots.length > 0 ? 35 : 0, edge: 15, block: 30, any: 20 });
    if (how === 'recent') {
      const near = random.pick(spots).index;
      return clamp(near + random.pick([0, 0, 0, 1, -1, BLOCK, -BLOCK]));
    }
    if (how === 'edge') return clamp(random.pick([within.page, within.page + 1, last, last - 1]));
    if (how === 'any') return within.page + random.below(within.pages);
    // Blocks start where index + skew is a multiple of 512: skew is 0 for blocks of the file, gfn - index for the VM's.
    const at = within.page + random.below(within.pages) + skew;
    return clamp(at - (((at % BLOCK) + BLOCK) % BLOCK) - skew + random.pick([0, 0, 0, 1, -1, BLOCK - 1]));
  }

  /** A run of file pages within `within`; `skew` as for `page`. */
  span(random: Random, file: File, within: Span, skew = 0): Span {
    const last = within.page + within.pages;
    const first = this.page(random, file, within, skew);
    this.remember(file, first);
    const how = random.weighted({ one: 35, few: 15, block: 25, between: 17, all: 8 });
    if (how === 'one') return { page: first, pages: 1 };
    if (how === 'few') return { page: first, pages: Math.min(last - first, 1 + random.below(9)) };
    if (how === 'all') return { ...within };
    if (how === 'block') {
      const at = first + skew;
      const start = Math.max(within.page, at - (((at % BLOCK) + BLOCK) % BLOCK) - skew);
      return { page: start, pages: Math.min(BLOCK * random.pick([1, 1, 1, 2]), last - start) };
    }
    const other = this.page(random, file, within, skew);
    const low = Math.min(first, other);
    return { page: low, pages: Math.min(Math.max(first, other) - low + 1, 6 * BLOCK) };
  }
}
