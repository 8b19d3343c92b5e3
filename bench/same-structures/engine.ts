/**
 * The third bar of the benchmarks: the native engine's data structures in JavaScript. A word a 2M block, lines of 512 bits in
 * typed arrays under one number, pfns of a line as a run until they are none, the allocator as a tree of bits, a word a block
 * for the RMP. It shows what better data structures do by themselves, so that what is left to native is seen apart.
 *
 * It knows the fault of an untouched or mapped private page of one VM with one file bound at gpa 0, 4K or 2M folios, arch none
 * or snp by 2M. Left out, and therefore not paid for: other ops, other designs, several VMs and files, shared pages and copies,
 * pins, poison, 4K RMP entries, fallback, page contents, freeing, outcomes, verify, page views, locks. What it does count must
 * be what the engines count on the same stream; the benchmark checks that.
 */
import assert from 'node:assert/strict';
import type { BackendOptions } from '../../lib/engine/backend.js';
import { COUNTER_NAMES, type CounterName } from '../../lib/spec/counters.js';
import { FLAG, OP_KIND, RECORD_BYTES } from '../../lib/spec/ops.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { Frames } from './frames.js';

const BLOCK_PAGES = 512;
const LINE_WORDS = BLOCK_PAGES / 32;
const STRUCT_PAGE_BYTES = 64;
const RECORD_WORDS = RECORD_BYTES / 8;

/** Flags of a block word. */
const HUGE = 1;
const MARKED = 2;
const LEAF = 4;
const LINE = 8;
/** Of an RMP word: one 2M entry; the gfn block above. */
const ASSIGNED_2M = 1;

export class SameStructures {
  readonly #huge: boolean;
  readonly #snp: boolean;
  readonly #frames: Frames;
  readonly #counters = new Float64Array(COUNTER_NAMES.length);
  #size = 0;
  #bound = 0;
  // By block of the file: flags, and the pfn block of a huge folio or the number of the line.
  #flags = new Uint8Array(0);
  #where = new Uint32Array(0);
  // By block of gfns: 1 where all pages are private.
  #kinds = new Uint8Array(0);
  // By line.
  #present: Int32Array;
  #marked: Int32Array;
  #leaves: Int32Array;
  #base: Int32Array;
  readonly #scattered: (Uint32Array | undefined)[] = [];
  #lines = 0;
  readonly #rmp: Uint32Array;
  #faults4k = 0;
  #faults2m = 0;
  #cleared = 0;
  #held = 0;
  #folios4k = 0;
  #folios2m = 0;
  #prepares = 0;

  constructor({ knobs, arch, memoryBytes }: BackendOptions) {
    assert.ok(knobs.hugepages !== '1G' && knobs.conversion === 'discard' && (arch === 'none' || arch === 'snp'));
    this.#huge = knobs.hugepages === '2M';
    assert.ok(this.#huge || arch === 'none');
    this.#snp = arch === 'snp';
    const blocks = memoryBytes / (BLOCK_PAGES * PAGE_BYTES);
    this.#frames = new Frames(blocks);
    this.#rmp = new Uint32Array(this.#snp ? blocks : 0);
    // Zero pages of the system until something is written there.
    const lines = this.#huge ? 1 : blocks;
    this.#present = new Int32Array(lines * LINE_WORDS);
    this.#marked = new Int32Array(lines * LINE_WORDS);
    this.#leaves = new Int32Array(lines * LINE_WORDS);
    this.#base = new Int32Array(lines);
  }

  /** Runs packed records; every one of them must be one of the few this bar knows. */
  run(records: Uint8Array, count: number): void {
    const numbers = new Float64Array(records.buffer, records.byteOffset, count * RECORD_WORDS);
    for (let i = 0; i < count; i += 1) {
      const kind = records[i * RECORD_BYTES] as number;
      const flags = records[i * RECORD_BYTES + 1] as number;
      const address = numbers[i * RECORD_WORDS + 2] as number;
      if (kind === OP_KIND.fault) this.#fault(address, flags);
      else this.#furnish(kind, flags, address, numbers[i * RECORD_WORDS + 3] as number);
    }
  }

  /** As a backend's `counters`. */
  counters(into: Float64Array): void {
    const set = (name: CounterName, value: number) => {
      this.#counters[COUNTER_NAMES.indexOf(name)] = value;
    };
    set('faults_4k', this.#faults4k);
    set('faults_2m', this.#faults2m);
    set('folios_allocated_4k', this.#folios4k);
    set('folios_allocated_2m', this.#folios2m);
    set('prepares', this.#prepares);
    set('rmpupdate_2m', this.#prepares);
    set('pages_cleared', this.#cleared);
    set('host_pages_peak', this.#held);
    set('host_pages_end', this.#held);
    set('stranded_pages_end', this.#frames.stranded());
    set('metadata_bytes_modelled_peak', this.#held * STRUCT_PAGE_BYTES);
    set('metadata_bytes_modelled_end', this.#held * STRUCT_PAGE_BYTES);
    into.set(this.#counters);
  }

  #furnish(kind: number, flags: number, address: number, size: number): void {
    const pages = size / PAGE_BYTES;
    const blocks = pages / BLOCK_PAGES;
    assert.ok(address === 0 && Number.isInteger(blocks));
    if (kind === OP_KIND.create) {
      this.#size = pages;
      this.#flags = new Uint8Array(blocks);
      this.#where = new Uint32Array(blocks);
    } else if (kind === OP_KIND.bind) {
      assert.equal(pages, this.#size);
      this.#bound = pages;
      this.#kinds = new Uint8Array(blocks).fill(this.#snp ? 1 : 0);
    } else {
      assert.equal(kind, OP_KIND.attributes);
      assert.equal(pages, this.#bound);
      this.#kinds.fill((flags & FLAG.private) !== 0 ? 1 : 0);
    }
  }

  #fault(address: number, flags: number): void {
    const gfn = Math.floor(address / PAGE_BYTES);
    if (!(gfn >= 0 && gfn < this.#bound)) throw new Error(`gfn ${gfn} is not bound: this bar has no exits`);
    const block = gfn >>> 9;
    if (this.#kinds[block] !== 1 || (flags & FLAG.private) === 0) throw new Error('this bar knows private pages only');
    const map = (flags & FLAG.noMap) === 0;
    if (this.#huge) this.#faultBlock(block, map);
    else this.#faultPage(block, gfn & (BLOCK_PAGES - 1), map);
  }

  #faultBlock(block: number, map: boolean): void {
    let word = this.#flags[block] as number;
    if ((word & HUGE) === 0) {
      const taken = this.#frames.takeBlock();
      if (taken < 0) throw new Error('out of memory: this bar has no fallback');
      this.#where[block] = taken;
      word |= HUGE;
      this.#folios2m += 1;
      this.#held += BLOCK_PAGES;
    }
    const pfnBlock = this.#where[block] as number;
    if ((word & MARKED) === 0) {
      this.#cleared += BLOCK_PAGES;
      if (this.#snp) {
        if (this.#rmp[pfnBlock] !== 0) throw new Error('an RMP entry of another page');
        this.#rmp[pfnBlock] = (block << 1) | ASSIGNED_2M;
        this.#prepares += 1;
      }
      word |= MARKED;
    }
    if (this.#snp && this.#rmp[pfnBlock] !== ((block << 1) | ASSIGNED_2M)) throw new Error('RMP mismatch');
    if (map && (word & LEAF) === 0) {
      word |= LEAF;
      this.#faults2m += 1;
    }
    this.#flags[block] = word;
  }

  #faultPage(block: number, page: number, map: boolean): void {
    if (((this.#flags[block] as number) & LINE) === 0) {
      this.#flags[block] = LINE;
      this.#where[block] = this.#lines;
      this.#lines += 1;
    }
    const line = this.#where[block] as number;
    const at = line * LINE_WORDS + (page >>> 5);
    const bit = 1 << (page & 31);
    if (((this.#present[at] as number) & bit) === 0) {
      const pfn = this.#frames.takePage();
      if (pfn < 0) throw new Error('out of memory: this bar has no fallback');
      this.#insert(line, page, pfn);
      this.#present[at] = (this.#present[at] as number) | bit;
      this.#folios4k += 1;
      this.#held += 1;
    }
    if (((this.#marked[at] as number) & bit) === 0) {
      this.#marked[at] = (this.#marked[at] as number) | bit;
      this.#cleared += 1;
    }
    if (map && ((this.#leaves[at] as number) & bit) === 0) {
      this.#leaves[at] = (this.#leaves[at] as number) | bit;
      this.#faults4k += 1;
    }
  }

  /** The pfns of a line are a run until one does not fit it. */
  #insert(line: number, page: number, pfn: number): void {
    const scattered = this.#scattered[line];
    if (scattered !== undefined) {
      scattered[page] = pfn;
      return;
    }
    if (this.#base[line] === pfn - page) return;
    for (let i = line * LINE_WORDS; i < (line + 1) * LINE_WORDS; i += 1) {
      if (this.#present[i] === 0) continue;
      const base = this.#base[line] as number;
      const all = Uint32Array.from({ length: BLOCK_PAGES }, (_, each) => base + each);
      all[page] = pfn;
      this.#scattered[line] = all;
      return;
    }
    this.#base[line] = pfn - page;
  }
}
