/**
 * A second opinion on the folio counters, written for the tests alone: a flat array a fact, every rule of docs/semantics.md
 * that a recorded trace can reach (create, bind, touch, convert on snp with ample memory), and no code of the engines.
 * For designs that convert by discard and split or zero what a hole hits in part; recount-in-place.ts has the others.
 */
import type { OpSource } from '../../lib/ops/source.js';
import type { OpStream } from '../../lib/ops/stream.js';
import type { Knobs } from '../../lib/spec/knobs.js';
import { FLAG } from '../../lib/spec/ops.js';

const PAGE = 4096;
const BLOCK = 512;

/** Whether the recount knows these knobs. */
export function recounts(knobs: Knobs): boolean {
  return knobs.conversion === 'discard' && (knobs.punch === 'split' || knobs.punch === 'zero');
}

interface Slot {
  gfn: number;
  pages: number;
  index: number;
}

export class Recount {
  readonly counters: Record<string, number> = {};
  /** No op of a guest by discard fails. */
  readonly errors: Record<string, number> = {};
  readonly #knobs: Knobs;
  readonly #slots: Slot[] = [];
  #pages = 0;
  #held = 0;
  #copies = 0;
  /** By index. */
  readonly #present = new Set<number>();
  readonly #marked = new Set<number>();
  readonly #assigned = new Set<number>();
  readonly #copy = new Set<number>();
  readonly #retained = new Set<number>();
  /** By block of indexes. */
  readonly #huge = new Set<number>();
  readonly #rmp2m = new Set<number>();
  readonly #copy2m = new Set<number>();
  /** By gfn, and by block of gfns. */
  readonly #shared = new Set<number>();
  readonly #leaf4k = new Set<number>();
  readonly #leaf2m = new Set<number>();

  constructor(knobs: Knobs) {
    this.#knobs = knobs;
  }

  run(source: OpSource): Record<string, number> {
    for (const { stream } of source.chunks()) this.#ops(stream);
    this.counters.host_pages_end = this.#held;
    this.counters.retained_pages_end = this.#retained.size;
    return this.counters;
  }

  #ops(stream: OpStream): void {
    for (let i = 0; i < stream.length; i += 1) {
      const { flags, address, size, extra } = stream.records.read(i);
      const name = stream.records.opName(i);
      if (name === 'create') this.#pages = size / PAGE;
      else if (name === 'bind') this.#slots.push({ gfn: address / PAGE, pages: size / PAGE, index: extra / PAGE });
      else if (name === 'touch') this.#touch(Math.floor(address / PAGE), Math.ceil((address + size) / PAGE));
      else if (name === 'convert') this.#convert(address / PAGE, (address + size) / PAGE, (flags & FLAG.private) !== 0);
      else throw new Error(`the recount does not know ${name}`);
    }
  }

  /** What a page view should say of a page, pfns aside. */
  page(index: number): {
    present: boolean;
    folio2m: boolean;
    copy: boolean;
    copy2m: boolean;
    rmp: boolean;
    rmp2m: boolean;
  } {
    const block = Math.floor(index / BLOCK);
    return {
      present: this.#present.has(index),
      folio2m: this.#huge.has(block),
      copy: this.#copy.has(index),
      copy2m: this.#copy.has(index) && this.#copy2m.has(block),
      rmp: this.#assigned.has(index),
      rmp2m: this.#assigned.has(index) && this.#rmp2m.has(block),
    };
  }

  #count(name: string, by = 1): void {
    this.counters[name] = (this.counters[name] ?? 0) + by;
  }

  #hold(pages: number, copies: number): void {
    this.#held += pages + copies;
    this.#copies += copies;
    this.counters.host_pages_peak = Math.max(this.counters.host_pages_peak ?? 0, this.#held);
    this.counters.shared_copy_pages_peak = Math.max(this.counters.shared_copy_pages_peak ?? 0, this.#copies);
  }

  #slotOf(gfn: number): Slot | undefined {
    return this.#slots.find((slot) => gfn >= slot.gfn && gfn < slot.gfn + slot.pages);
  }

  #touch(from: number, to: number): void {
    for (let gfn = from; gfn < to; gfn += 1) {
      if (this.#leaf4k.has(gfn) || this.#leaf2m.has(Math.floor(gfn / BLOCK))) continue;
      const slot = this.#slotOf(gfn);
      if (slot === undefined) {
        this.#count('exits');
        return;
      }
      const index = gfn - slot.gfn + slot.index;
      const mayBe2m = this.#maps2m(slot, gfn, index);
      const level2m = this.#shared.has(gfn) ? this.#copyFor(index) && mayBe2m : this.#pageFor(index, mayBe2m, gfn);
      this.#install(gfn, level2m && this.#uniform(gfn));
    }
  }

  /** Window and congruence of a 2M mapping. */
  #maps2m(slot: Slot, gfn: number, index: number): boolean {
    const first = index - (index % BLOCK);
    return (gfn - index) % BLOCK === 0 && first >= slot.index && first + BLOCK <= slot.index + slot.pages;
  }

  #uniform(gfn: number): boolean {
    const first = gfn - (gfn % BLOCK);
    for (let g = first; g < first + BLOCK; g += 1) if (this.#shared.has(g) !== this.#shared.has(gfn)) return false;
    return true;
  }

  #install(gfn: number, as2m: boolean): void {
    if (!as2m) {
      this.#leaf4k.add(gfn);
      this.#count('faults_4k');
      return;
    }
    const block = Math.floor(gfn / BLOCK);
    for (let g = block * BLOCK; g < (block + 1) * BLOCK; g += 1) if (this.#leaf4k.delete(g)) this.#count('zaps_4k');
    this.#leaf2m.add(block);
    this.#count('faults_2m');
  }

  /** A block none of whose pages is in `set` and that lies inside the file. */
  #free(block: number, set: ReadonlySet<number>): boolean {
    if ((block + 1) * BLOCK > this.#pages) return false;
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i += 1) if (set.has(i)) return false;
    return true;
  }

  /** Shared access. @returns whether the copy is a 2M page. */
  #copyFor(index: number): boolean {
    const block = Math.floor(index / BLOCK);
    if (!this.#copy.has(index)) {
      const as2m = this.#knobs.sharedOrder === 'thp' && this.#free(block, this.#copy);
      const pages = as2m ? BLOCK : 1;
      const first = as2m ? block * BLOCK : index;
      for (let i = first; i < first + pages; i += 1) this.#copy.add(i);
      if (as2m) this.#copy2m.add(block);
      this.#count('pages_cleared', pages);
      this.#hold(0, pages);
    }
    return this.#copy2m.has(block);
  }

  /** Private access: folio, prepare. @returns whether the RMP lets it be mapped at 2M. */
  #pageFor(index: number, mayBe2m: boolean, gfn: number): boolean {
    const block = Math.floor(index / BLOCK);
    if (!this.#present.has(index)) {
      const allowed = !this.#knobs.byAttributes || (mayBe2m && this.#uniform(gfn));
      const as2m = this.#knobs.hugepages !== 'off' && allowed && this.#free(block, this.#present);
      const pages = as2m ? BLOCK : 1;
      const first = as2m ? block * BLOCK : index;
      for (let i = first; i < first + pages; i += 1) this.#present.add(i);
      if (as2m) this.#huge.add(block);
      this.#count(as2m ? 'folios_allocated_2m' : 'folios_allocated_4k');
      this.#hold(pages, 0);
    }
    const as2m = mayBe2m && this.#huge.has(block);
    const first = as2m ? block * BLOCK : index;
    const end = as2m ? first + BLOCK : index + 1;
    let unmarked = 0;
    let unassigned = 0;
    for (let i = first; i < end; i += 1) {
      if (!this.#marked.has(i)) unmarked += 1;
      if (!this.#assigned.has(i)) unassigned += 1;
    }
    if (unmarked > 0 || this.#knobs.preparedness === 'none') {
      this.#count('pages_cleared', unmarked);
      this.#count('prepares');
      for (let i = first; i < end; i += 1) this.#marked.add(i);
      if (unassigned === BLOCK) {
        this.#rmp2m.add(block);
        this.#count('rmpupdate_2m');
      } else this.#count('rmpupdate_4k', unassigned);
      for (let i = first; i < end; i += 1) this.#assigned.add(i);
    }
    return as2m && this.#rmp2m.has(block);
  }

  #convert(from: number, to: number, toPrivate: boolean): void {
    this.#count('converts');
    this.#count('exits');
    let changed = 0;
    for (let gfn = from; gfn < to; gfn += 1) if (this.#shared.has(gfn) === toPrivate) changed += 1;
    this.#count('converted_pages', changed);
    if (changed > 0) {
      this.#zap(from, to);
      for (let gfn = from; gfn < to; gfn += 1) {
        if (toPrivate) this.#shared.delete(gfn);
        else this.#shared.add(gfn);
      }
    }
    for (const slot of this.#slots) {
      const first = Math.max(from, slot.gfn) - slot.gfn + slot.index;
      const end = Math.min(to, slot.gfn + slot.pages) - slot.gfn + slot.index;
      if (first >= end) continue;
      if (toPrivate && !this.#knobs.keepShared) this.#dropCopies(first, end);
      for (let i = first; toPrivate && i < end; i += 1) this.#retained.delete(i);
      if (toPrivate) continue;
      const [holeFirst, holeEnd] = this.#hole(first, end);
      if (holeFirst >= holeEnd) continue;
      this.#zap(holeFirst - slot.index + slot.gfn, holeEnd - slot.index + slot.gfn);
      this.#punch(holeFirst, holeEnd);
      if (this.#knobs.punch === 'split') continue;
      for (let i = first; i < end; i += 1) if (this.#present.has(i)) this.#retained.add(i);
      this.counters.retained_pages_peak = Math.max(this.counters.retained_pages_peak ?? 0, this.#retained.size);
    }
  }

  /** What the VMM punches of a range it could punch. */
  #hole(first: number, end: number): [number, number] {
    if (this.#knobs.vmmPunch !== 'whole-folio' || this.#knobs.hugepages === 'off') return [first, end];
    const last = end === this.#pages ? end : Math.floor(end / BLOCK) * BLOCK;
    return [Math.ceil(first / BLOCK) * BLOCK, last];
  }

  /** A punch zaps what overlaps it even where the attributes do not change. */
  #zap(from: number, to: number): void {
    for (let gfn = from; gfn < to; gfn += 1) {
      if (this.#leaf4k.delete(gfn)) this.#count('zaps_4k');
      if (this.#leaf2m.delete(Math.floor(gfn / BLOCK))) this.#count('zaps_2m');
    }
  }

  #dropCopies(first: number, end: number): void {
    for (let i = first; i < end; i += 1) {
      if (!this.#copy.delete(i)) continue;
      this.#copy2m.delete(Math.floor(i / BLOCK));
      this.#hold(0, -1);
    }
  }

  #punch(first: number, end: number): void {
    for (let block = Math.floor(first / BLOCK); block * BLOCK < end; block += 1) {
      const from = Math.max(first, block * BLOCK);
      const to = Math.min(end, (block + 1) * BLOCK);
      const whole = to - from === BLOCK;
      const zeroed = this.#knobs.punch === 'zero' && !whole && this.#huge.has(block);
      if (zeroed) this.#count('pages_cleared', to - from);
      else if (this.#huge.delete(block)) {
        if (whole) this.#count('folios_freed_2m');
        else this.#count('splits_2m');
        if (!whole) this.#count('folios_freed_4k', to - from);
      } else {
        for (let i = from; i < to; i += 1) if (this.#present.has(i)) this.#count('folios_freed_4k');
      }
      let leaving = 0;
      for (let i = from; i < to; i += 1) if (this.#assigned.has(i)) leaving += 1;
      if (leaving > 0 && this.#rmp2m.has(block)) {
        this.#rmp2m.delete(block);
        if (whole) this.#count('rmpupdate_2m');
        else this.#count('psmash');
        if (!whole) this.#count('rmpupdate_4k', leaving);
      } else this.#count('rmpupdate_4k', leaving);
      for (let i = from; i < to; i += 1) {
        this.#marked.delete(i);
        this.#assigned.delete(i);
        if (zeroed || !this.#present.delete(i)) continue;
        this.#retained.delete(i);
        this.#hold(-1, 0);
      }
    }
  }
}
