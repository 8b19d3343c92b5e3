/**
 * What the stream generator believes about the world it builds: files, slots, kinds and the pages it used last. It
 * only aims ops at places where something can happen; it decides no answer, and it may be wrong (an op it took for a
 * success may have been refused).
 */
import type { Random } from './prng.js';
import { BLOCK, type Setting } from './setting.js';

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
  readonly setting: Setting;
  vms: number[] = [];
  files: File[] = [];
  slots: Slot[] = [];
  pins: { file: File; span: Span; speculative: boolean }[] = [];
  /** Guest and VMM writes made last. */
  readonly written: { vm: number; gpa: number; size: number }[] = [];
  /** Ranges of gfns that turned shared in place, latest last: what a conversion back may have to name. */
  turned: (Span & { vm: number })[] = [];
  #spots: { file: File; index: number }[] = [];
  #kinds: KindRange[] = [];

  constructor(setting: Setting) {
    this.setting = setting;
  }

  /** Pages of the pool that no open file has reserved. */
  poolFree(): number {
    const taken = this.openFiles().reduce((sum, file) => sum + file.pages, 0);
    return Math.max(0, (this.setting.poolPages ?? 0) - taken);
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

  remembersTurn(turn: Span & { vm: number }): void {
    this.turned.push(turn);
    if (this.turned.length > REMEMBERED_SPOTS) this.turned.shift();
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
    if (range !== undefined) return range.isPrivate;
    const covers = (slot: Slot) => slot.vm === vm && slot.gfn <= gfn && gfn < slot.gfn + slot.pages;
    const initShared = this.setting.inPlace && this.slots.find(covers)?.file.initShared === true;
    return this.setting.privateAtFirst && !initShared;
  }

  /** A file page worth hitting, within `within`: recently used, at an edge of the range or of a block, or any. */
  page(random: Random, file: File, within: Span, skew = 0): number {
    const last = within.page + within.pages - 1;
    const clamp = (page: number) => Math.min(last, Math.max(within.page, page));
    const spots = this.#spots.filter((spot) => spot.file === file);
    const how = random.weighted({ recent: spots.length > 0 ? 35 : 0, edge: 15, block: 30, any: 20 });
    if (how === 'recent') {
      const near = random.pick(spots).index;
      return clamp(near + random.pick([0, 0, 0, 1, -1, BLOCK, -this.setting.unit]));
    }
    if (how === 'edge') return clamp(random.pick([within.page, within.page + 1, last, last - 1]));
    if (how === 'any') return within.page + random.below(within.pages);
    // Blocks start where index + skew is a multiple of their size: skew is 0 for those of the file, gfn - index for the VM's.
    const at = within.page + random.below(within.pages) + skew;
    const size = this.#blockSize(random);
    return clamp(at - modulo(at, size) - skew + random.pick([0, 0, 0, 1, -1, BLOCK - 1]));
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
      const size = this.#blockSize(random);
      const start = Math.max(within.page, at - modulo(at, size) - skew);
      // Whole blocks, or all of one but its last page, or one page more.
      const pages = size * random.pick([1, 1, 1, 2]) + random.pick([0, 0, 0, 0, 0, 0, -1, 1]);
      return { page: start, pages: Math.min(pages, last - start) };
    }
    const other = this.page(random, file, within, skew);
    const low = Math.min(first, other);
    return { page: low, pages: Math.min(Math.max(first, other) - low + 1, 6 * BLOCK) };
  }

  /** 2M, or what the policy calls huge. */
  #blockSize(random: Random): number {
    return this.setting.giant && random.chance(0.3) ? this.setting.unit : BLOCK;
  }
}

/** The remainder that is never negative. */
function modulo(a: number, b: number): number {
  return ((a % b) + b) % b;
}
