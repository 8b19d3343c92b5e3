/**
 * A second opinion on the folio counters of designs that convert in place, written for the tests alone: a flat array a fact,
 * every rule of docs/semantics-designs.md that a guest on snp with ample memory can reach by create, bind, touch and convert,
 * and no code of the engines. Its twin for discard is recount.ts.
 */
import type { OpSource } from '../../lib/ops/source.js';
import type { OpStream } from '../../lib/ops/stream.js';
import type { Knobs } from '../../lib/spec/knobs.js';
import { FLAG } from '../../lib/spec/ops.js';

const PAGE = 4096;
const BLOCK = 512;
const GIANT = 512 * BLOCK;

interface Slot {
  gfn: number;
  pages: number;
  index: number;
}

/** Pages of a folio or of a leaf, by the numbers the arrays hold. */
const SIZES = [0, 1, BLOCK, GIANT] as const;
const NAMES = ['', '4k', '2m', '1g'] as const;
type Size = 1 | 2 | 3;

export class RecountInPlace {
  readonly counters: Record<string, number> = {};
  readonly errors: Record<string, number> = {};
  readonly #knobs: Knobs;
  readonly #natural: boolean;
  readonly #slots: Slot[] = [];
  readonly #splitRanges = [new Set<number>(), new Set<number>()];
  readonly #mergedRanges = [new Set<number>(), new Set<number>()];
  /** natural: first page to end of what turned shared in one piece. */
  readonly #pieces = new Map<number, number>();
  #pages = 0;
  /** By index. Folio and leaf: 0 none, 1 4K, 2 2M, 3 1G. */
  #folio = new Uint8Array();
  #leaf = new Uint8Array();
  #marked = new Uint8Array();
  #assigned = new Uint8Array();
  #shared = new Uint8Array();
  /** By block: its RMP entries are one of 2M. */
  #rmp2m = new Uint8Array();

  constructor(knobs: Knobs) {
    this.#knobs = knobs;
    this.#natural = knobs.sharedOrder === 'natural';
  }

  run(source: OpSource): Record<string, number> {
    for (const { stream } of source.chunks()) this.#ops(stream);
    const held = this.#folio.reduce((sum, folio) => sum + (folio > 0 ? 1 : 0), 0);
    // Nothing is ever freed: the end is the peak.
    Object.assign(this.counters, { host_pages_end: held, host_pages_peak: held });
    for (const [i, level] of ['2m', '1g'].entries()) {
      this.counters[`split_distinct_${level}`] = this.#splitRanges[i]?.size ?? 0;
      this.counters[`merge_distinct_${level}`] = this.#mergedRanges[i]?.size ?? 0;
    }
    if (this.#natural) this.#hostLeaves();
    return this.counters;
  }

  /** What a page view should say of a page, pfns aside. */
  page(index: number): { present: boolean; folio2m: boolean; folio1g: boolean; rmp: boolean; rmp2m: boolean } {
    const rmp = this.#assigned[index] === 1;
    return {
      present: this.#folio[index] !== 0,
      folio2m: (this.#folio[index] as number) >= 2,
      folio1g: this.#folio[index] === 3,
      rmp,
      rmp2m: rmp && this.#rmp2m[Math.floor(index / BLOCK)] === 1,
    };
  }

  #ops(stream: OpStream): void {
    for (let i = 0; i < stream.length; i += 1) {
      const { flags, address, size, extra } = stream.records.read(i);
      const name = stream.records.opName(i);
      if (name === 'create') this.#create(size / PAGE);
      else if (name === 'bind') this.#slots.push({ gfn: address / PAGE, pages: size / PAGE, index: extra / PAGE });
      else if (name === 'touch') this.#touch(Math.floor(address / PAGE), Math.ceil((address + size) / PAGE));
      else if (name === 'convert') this.#convert(address / PAGE, (address + size) / PAGE, (flags & FLAG.private) !== 0);
      else throw new Error(`the recount does not know ${name}`);
    }
  }

  #create(pages: number): void {
    this.#pages = pages;
    this.#folio = new Uint8Array(pages);
    this.#leaf = new Uint8Array(pages);
    this.#marked = new Uint8Array(pages);
    this.#assigned = new Uint8Array(pages);
    this.#shared = new Uint8Array(pages);
    this.#rmp2m = new Uint8Array(Math.ceil(pages / BLOCK));
  }

  #count(name: string, by = 1): void {
    this.counters[name] = (this.counters[name] ?? 0) + by;
  }

  #slotOf(gfn: number): Slot {
    const slot = this.#slots.find((other) => gfn >= other.gfn && gfn < other.gfn + other.pages);
    if (slot === undefined) throw new Error(`gfn ${gfn} lies in no slot`);
    return slot;
  }

  #all(array: Uint8Array, first: number, end: number, value: number): boolean {
    for (let i = first; i < end; i += 1) if (array[i] !== value) return false;
    return true;
  }

  #touch(from: number, to: number): void {
    for (let gfn = from; gfn < to; gfn += 1) {
      const slot = this.#slotOf(gfn);
      const index = gfn - slot.gfn + slot.index;
      if (this.#leaf[index] !== 0) continue;
      if (this.#folio[index] === 0) this.#add(index);
      const size = this.#mappingSize(slot, index);
      this.#prepare(index, size);
      const isPrivate = this.#shared[index] === 0;
      const limit = isPrivate ? (this.#rmp2m[Math.floor(index / BLOCK)] === 1 ? 2 : 1) : 3;
      this.#install(index, Math.min(size, limit) as Size);
    }
  }

  /** The largest size of which the aligned range fits folio, window and congruence, and is of one kind. */
  #mappingSize({ gfn, pages, index: firstIndex }: Slot, index: number): Size {
    for (const size of [3, 2] as const) {
      const first = index - (index % SIZES[size]);
      const end = first + SIZES[size];
      if ((this.#folio[index] as number) < size || (gfn - firstIndex) % SIZES[size] !== 0) continue;
      if (first < firstIndex || end > firstIndex + pages) continue;
      if (this.#all(this.#shared, first, end, this.#shared[index] as number)) return size;
    }
    return 1;
  }

  /** A new folio, split at once where a page of it is shared, prepared at once where the design does. */
  #add(index: number): void {
    const huge = { off: 1, '2M': 2, '1G': 3 }[this.#knobs.hugepages] as Size;
    let size: Size = huge;
    let first = index - (index % SIZES[size]);
    if (first + SIZES[size] > this.#pages || !this.#all(this.#folio, first, first + SIZES[size], 0)) {
      size = 1;
      first = index;
    }
    this.#folio.fill(size, first, first + SIZES[size]);
    this.#count(`folios_allocated_${NAMES[size]}`);
    if (size > 1 && !this.#natural && !this.#all(this.#shared, first, first + SIZES[size], 0)) this.#split(first);
    this.#prepareEarly(first, first + SIZES[size]);
  }

  #prepare(index: number, size: Size): void {
    const first = index - (index % SIZES[size]);
    const end = first + SIZES[size];
    const isPrivate = this.#shared[index] === 0;
    const marked = this.#all(this.#marked, first, end, 1);
    const ready = marked && (!isPrivate || this.#all(this.#assigned, first, end, 1));
    if (ready && (!isPrivate || this.#knobs.preparedness !== 'none')) return;
    for (let i = first; i < end; i += 1) if (this.#marked[i] === 0) this.#count('pages_cleared');
    this.#marked.fill(1, first, end);
    if (!isPrivate) return;
    this.#count('prepares');
    for (let from = first; from < end; from += BLOCK) {
      const to = Math.min(end, from + BLOCK);
      if (to - from === BLOCK && this.#all(this.#assigned, from, to, 0)) {
        this.#rmp2m[from / BLOCK] = 1;
        this.#count('rmpupdate_2m');
      } else for (let i = from; i < to; i += 1) if (this.#assigned[i] === 0) this.#count('rmpupdate_4k');
    }
    this.#assigned.fill(1, first, end);
  }

  #prepareEarly(first: number, end: number): void {
    if (this.#knobs.preparedness !== 'state-early') return;
    for (let i = first; i < end; i += 1) {
      const slot = this.#slots.find((other) => i >= other.index && i < other.index + other.pages);
      if (slot === undefined || this.#folio[i] === 0 || this.#shared[i] === 1) continue;
      if (this.#marked[i] === 1 && this.#assigned[i] === 1) continue;
      this.#prepare(i, this.#mappingSize(slot, i));
    }
  }

  #install(index: number, size: Size): void {
    const first = index - (index % SIZES[size]);
    this.#zap(first, first + SIZES[size]);
    this.#leaf.fill(size, first, first + SIZES[size]);
    this.#count(`faults_${NAMES[size]}`);
  }

  /** Leaves go whole. */
  #zap(from: number, to: number): void {
    for (let i = from; i < to; i += 1) {
      const size = this.#leaf[i] as Size | 0;
      if (size === 0) continue;
      const first = i - (i % SIZES[size]);
      this.#leaf.fill(0, first, first + SIZES[size]);
      this.#count(`zaps_${NAMES[size]}`);
    }
  }

  /** The folio around an index becomes 4K folios; larger leaves over it go. */
  #split(index: number): void {
    const size = this.#folio[index] as 2 | 3;
    const first = index - (index % SIZES[size]);
    for (let i = first; i < first + SIZES[size]; i += 1) if ((this.#leaf[i] as number) > 1) this.#zap(i, i + 1);
    this.#folio.fill(1, first, first + SIZES[size]);
    this.#count(`splits_${NAMES[size]}`);
    this.#splitRanges[size - 2]?.add(first / SIZES[size]);
  }

  #convert(from: number, to: number, toPrivate: boolean): void {
    const slot = this.#slotOf(from);
    if (slot !== this.#slotOf(to - 1)) throw new Error('the recount knows conversions inside a slot');
    this.#count('converts');
    this.#count('exits');
    const first = from - slot.gfn + slot.index;
    const end = to - slot.gfn + slot.index;
    const turning: [number, number][] = [];
    for (let i = first; i < end; i += 1) {
      if ((this.#shared[i] === 1) !== toPrivate) continue;
      const last = turning.at(-1);
      if (last?.[1] === i) last[1] = i + 1;
      else turning.push([i, i + 1]);
    }
    if (turning.length === 0) return;
    if (this.#natural && toPrivate && this.#pieces.get(first) !== end) {
      this.errors.EINVAL = (this.errors.EINVAL ?? 0) + 1;
      return;
    }
    for (const [a, b] of turning) this.#turn(a, b, toPrivate);
    if (!toPrivate) return;
    for (const [a, b] of turning) this.#prepareEarly(a, b);
    if (this.#knobs.merge === 'eager') for (const [a, b] of turning) this.#merge(a, b);
  }

  #turn(first: number, end: number, toPrivate: boolean): void {
    this.#count('converted_pages', end - first);
    if (this.#natural && toPrivate) this.#pieces.delete(first);
    if (this.#natural && !toPrivate) this.#pieces.set(first, end);
    this.#zap(first, end);
    this.#shared.fill(toPrivate ? 0 : 1, first, end);
    if (!toPrivate) {
      this.#release(first, end);
      for (let i = first; i < end; i += 1) if ((this.#folio[i] as number) > 1 && !this.#natural) this.#split(i);
    }
    // What is there holds something of no use, but something.
    for (let i = first; i < end; i += 1) if (this.#folio[i] !== 0) this.#marked[i] = 1;
  }

  /** RMP entries of pages that turn shared, block by block. */
  #release(first: number, end: number): void {
    for (let block = Math.floor(first / BLOCK); block * BLOCK < end; block += 1) {
      const from = Math.max(first, block * BLOCK);
      const to = Math.min(end, (block + 1) * BLOCK);
      let leaving = 0;
      for (let i = from; i < to; i += 1) leaving += this.#assigned[i] as number;
      if (leaving === 0) continue;
      const huge = this.#rmp2m[block] === 1;
      this.#rmp2m[block] = 0;
      if (huge && to - from === BLOCK) this.#count('rmpupdate_2m');
      else {
        if (huge) this.#count('psmash');
        this.#count('rmpupdate_4k', leaving);
      }
      this.#assigned.fill(0, from, to);
    }
  }

  /** Of a pool: frames of a huge range are always contiguous. */
  #merge(first: number, end: number): void {
    const size = this.#knobs.hugepages === '1G' ? 3 : 2;
    for (let head = first - (first % SIZES[size]); head < end; head += SIZES[size]) {
      const to = head + SIZES[size];
      if (!this.#all(this.#folio, head, to, 1) || !this.#all(this.#shared, head, to, 0)) continue;
      this.#folio.fill(size, head, to);
      this.#count(`merges_${NAMES[size]}`);
      this.#mergedRanges[size - 2]?.add(head / SIZES[size]);
    }
  }

  /** The host's table of what is shared and there, in the largest leaves. */
  #hostLeaves(): void {
    const there = (i: number) => this.#shared[i] === 1 && this.#folio[i] !== 0;
    for (let i = 0; i < this.#pages; ) {
      if (!there(i)) {
        i += 1;
        continue;
      }
      let size: Size = 1;
      for (const larger of [2, 3] as const) {
        const fits = i % SIZES[larger] === 0 && (this.#folio[i] as number) >= larger;
        if (fits && this.#all(this.#shared, i, i + SIZES[larger], 1)) size = larger;
      }
      this.#count(`host_leaves_${NAMES[size]}`);
      i += SIZES[size];
    }
  }
}
