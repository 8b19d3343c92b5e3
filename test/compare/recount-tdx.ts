/**
 * A second opinion on S-EPT events and refused splits, written for the tests alone: a flat array a fact, and no code of the
 * engines. For TDX guests that have been finalized, convert in place in folios of 4K or 2M with counted or frozen references,
 * and do no more than create, bind, touch and convert (docs/semantics-tdx.md, section 23).
 */
import type { OpSource } from '../../lib/ops/source.js';
import type { OpStream } from '../../lib/ops/stream.js';
import type { Knobs } from '../../lib/spec/knobs.js';
import { FLAG } from '../../lib/spec/ops.js';

const PAGE = 4096;
const BLOCK = 512;

/** The counters it keeps. */
export const RECOUNTED_TDX = [
  'faults_4k',
  'faults_2m',
  'zaps_4k',
  'zaps_2m',
  'sept_add',
  'sept_aug',
  'sept_demote',
  'sept_promote',
  'sept_remove',
  'splits_2m',
  'split_failed',
  'merges_2m',
  'converts',
  'converted_pages',
  'convert_eagain',
  'folios_allocated_4k',
  'folios_allocated_2m',
  'host_pages_peak',
  'prepares',
  'rmpupdate_4k',
  'rmpupdate_2m',
] as const;

export function recountsTdx({ conversion, hugepages, sharedOrder }: Knobs): boolean {
  return conversion === 'in-place' && hugepages !== '1G' && sharedOrder === '4K';
}

export class RecountTdx {
  readonly counters: Record<string, number> = {};
  readonly errors: Record<string, number> = {};
  readonly #knobs: Knobs;
  readonly #slots: { gfn: number; pages: number; index: number }[] = [];
  /** By index: 0 absent, 1 in a 4K folio, 2 in one of 2M. */
  #folio = new Uint8Array();
  /** By index: 0 not mapped, else the size of its leaf as above; negative for a private one. */
  #leaf = new Int8Array();
  #shared = new Uint8Array();

  constructor(knobs: Knobs) {
    this.#knobs = knobs;
  }

  run(source: OpSource): Record<string, number> {
    for (const { stream } of source.chunks()) this.#ops(stream);
    this.counters.host_pages_peak = this.#folio.reduce((sum, folio) => sum + Math.min(folio, 1), 0);
    return this.counters;
  }

  #ops(stream: OpStream): void {
    for (let i = 0; i < stream.length; i += 1) {
      const { flags, address, size, extra } = stream.records.read(i);
      const name = stream.records.opName(i);
      if (name === 'create') {
        this.#folio = new Uint8Array(size / PAGE);
        this.#leaf = new Int8Array(size / PAGE);
        this.#shared = new Uint8Array(size / PAGE);
      } else if (name === 'bind') {
        this.#slots.push({ gfn: address / PAGE, pages: size / PAGE, index: extra / PAGE });
      } else if (name === 'touch') {
        for (let gfn = Math.floor(address / PAGE); gfn * PAGE < address + size; gfn += 1) this.#touch(gfn);
      } else if (name === 'convert') {
        this.#convert(address / PAGE, size / PAGE, (flags & FLAG.private) !== 0);
      } else throw new Error(`the recount does not know ${name}`);
    }
  }

  #count(name: (typeof RECOUNTED_TDX)[number], by = 1): void {
    this.counters[name] = (this.counters[name] ?? 0) + by;
  }

  #every(first: number, test: (index: number) => boolean): boolean {
    for (let i = first; i < first + BLOCK; i += 1) if (!test(i)) return false;
    return true;
  }

  #touch(gfn: number): void {
    const slot = this.#slots.find((other) => gfn >= other.gfn && gfn < other.gfn + other.pages);
    if (slot === undefined) throw new Error(`gfn ${gfn} lies in no slot`);
    const index = gfn - slot.gfn + slot.index;
    if (this.#leaf[index] !== 0) return;
    const head = index - (index % BLOCK);
    if (this.#folio[index] === 0) this.#add(index, head);
    const kind = this.#shared[index];
    const isPrivate = kind === 0;
    const inSlot = head >= slot.index && head + BLOCK <= slot.index + slot.pages;
    const huge =
      this.#folio[index] === 2 &&
      inSlot &&
      (slot.gfn - slot.index) % BLOCK === 0 &&
      this.#every(head, (i) => this.#shared[i] === kind && !(isPrivate && Math.abs(this.#leaf[i] as number) === 1));
    if (isPrivate) this.#count('sept_aug');
    this.#count(huge ? 'faults_2m' : 'faults_4k');
    const leaf = (huge ? 2 : 1) * (isPrivate ? -1 : 1);
    if (huge) this.#leaf.fill(leaf, head, head + BLOCK);
    else this.#leaf[index] = leaf;
  }

  #add(index: number, head: number): void {
    const whole = head + BLOCK <= this.#folio.length && this.#every(head, (i) => this.#folio[i] === 0);
    if (this.#knobs.hugepages === 'off' || !whole) {
      this.#folio[index] = 1;
      this.#count('folios_allocated_4k');
      return;
    }
    this.#count('folios_allocated_2m');
    const stays = this.#every(head, (i) => this.#shared[i] === 0);
    if (!stays) this.#count('splits_2m');
    this.#folio.fill(stays ? 2 : 1, head, head + BLOCK);
  }

  #convert(gfn: number, pages: number, toPrivate: boolean): void {
    const slot = this.#slots.find((other) => gfn >= other.gfn && gfn + pages <= other.gfn + other.pages);
    if (slot === undefined) throw new Error('the recount knows conversions inside a slot');
    this.#count('converts');
    const first = gfn - slot.gfn + slot.index;
    const turns = (i: number) => i >= first && i < first + pages && (this.#shared[i] === 1) === toPrivate;
    const heads: number[] = [];
    for (let head = first - (first % BLOCK); head < first + pages; head += BLOCK) {
      if (!this.#every(head, (i) => !turns(i))) heads.push(head);
    }
    if (!toPrivate && this.#knobs.refs === 'counted') {
      for (const head of heads) {
        const held = this.#folio[head] === 2 && !this.#every(head, (i) => turns(i) || (this.#leaf[i] as number) >= 0);
        if (!held) continue;
        this.#count('convert_eagain');
        this.#count('split_failed');
        this.errors.EAGAIN = (this.errors.EAGAIN ?? 0) + 1;
        return;
      }
    }
    for (const head of heads) this.#turn(head, turns, toPrivate);
  }

  /** What turns in one block. */
  #turn(head: number, turns: (index: number) => boolean, toPrivate: boolean): void {
    const wholly = this.#every(head, turns);
    if (this.#leaf[head] === -2 && !wholly) this.#demote(head);
    if (Math.abs(this.#leaf[head] as number) === 2) {
      this.#count('zaps_2m');
      if (this.#leaf[head] === -2) this.#count('sept_remove');
      this.#leaf.fill(0, head, head + BLOCK);
    }
    const turning: number[] = [];
    for (let i = head; i < head + BLOCK; i += 1) if (turns(i)) turning.push(i);
    this.#count('converted_pages', turning.length);
    for (const i of turning) {
      if (this.#leaf[i] !== 0) this.#count('zaps_4k');
      if ((this.#leaf[i] as number) < 0) this.#count('sept_remove');
      this.#leaf[i] = 0;
      this.#shared[i] = toPrivate ? 0 : 1;
    }
    if (!toPrivate && this.#folio[head] === 2) {
      this.#count('splits_2m');
      this.#folio.fill(1, head, head + BLOCK);
    }
    // Of a pool: the frames are together, whatever was split.
    const merges = toPrivate && this.#knobs.merge === 'eager' && this.#knobs.source === 'pool';
    if (!merges || !this.#every(head, (i) => this.#folio[i] === 1 && this.#shared[i] === 0)) return;
    this.#count('merges_2m');
    this.#folio.fill(2, head, head + BLOCK);
  }

  #demote(head: number): void {
    this.#count('sept_demote');
    this.#leaf.fill(-1, head, head + BLOCK);
  }
}
