/**
 * The reverse map table of SEV-SNP: for each pfn who it is assigned to, at which gfn, and in entries of which size. It
 * answers as the hardware does, one call an attempt of the instruction; what the kernel makes of an answer is in
 * rmp-updates.ts.
 *
 * Primary state: per pfn an ASID (0: not assigned), gfn, validated and immutable flag; per 2M block of pfns whether the
 * 512 entries are one 2M entry; how many attempts the other processors' work in the table still hinders. Invariants: a 2M
 * entry has all 512 pages assigned to one ASID, at consecutive gfns from an aligned one; an attempt that answers nonzero
 * has changed no entry.
 */
import { RMP_GFN_BITS } from '../spec/rmp.js';
import { BLOCK_PAGES } from './frames.js';

/** Result codes of RMPUPDATE and PSMASH (AMD64 APM volume 3; Linux has the overlap as RMPUPDATE_FAIL_OVERLAP). */
export const RMP_CODE = { ok: 0, input: 1, inUse: 3, overlap: 4 } as const;

/** Result codes of PVALIDATE as Linux reports them; 255 is the carry flag, "no update". */
export const PVALIDATE_CODE = { ok: 0, input: 1, sizeMismatch: 6, noUpdate: 255 } as const;

export class RmpBlock {
  /** The 512 entries are one 2M entry. */
  huge = false;
  readonly asid = new Uint16Array(BLOCK_PAGES);
  readonly gfn = new Float64Array(BLOCK_PAGES);
  readonly validated = new Uint8Array(BLOCK_PAGES);
  readonly immutable = new Uint8Array(BLOCK_PAGES);
}

export interface RmpEntry {
  readonly asid: number;
  readonly gfn: number;
  readonly huge: boolean;
  readonly validated: boolean;
  readonly immutable: boolean;
}

export class Rmp {
  /** By pfn block, created at the first update. */
  readonly blocks = new Map<number, RmpBlock>();
  /** Attempts that find their entry held, and those that go through before them. */
  #held = 0;
  #free = 0;

  /** Other processors are busy in the table: of the attempts from now on `free` go through, the next `held` do not. */
  hold(held: number, free: number): void {
    this.#held = held;
    this.#free = free;
  }

  /** @returns undefined for a page that is not assigned. */
  lookup(pfn: number): RmpEntry | undefined {
    const [block, at] = this.#find(pfn);
    const asid = block?.asid[at];
    if (block === undefined || asid === undefined || asid === 0) return undefined;
    return {
      asid,
      gfn: block.gfn[at] as number,
      huge: block.huge,
      validated: block.validated[at] === 1,
      immutable: block.immutable[at] === 1,
    };
  }

  assigned(pfn: number): boolean {
    const [block, at] = this.#find(pfn);
    return block !== undefined && block.asid[at] !== 0;
  }

  /** First pfn of [pfn, end) that is assigned, or is not; `end` when there is none. */
  next(pfn: number, end: number, assigned: boolean): number {
    let from = pfn;
    while (from < end) {
      const [block, at] = this.#find(from);
      const until = Math.min(end, from - at + BLOCK_PAGES);
      if (block === undefined && !assigned) return from;
      for (; from < until; from += 1) {
        if (block !== undefined && (block.asid[from % BLOCK_PAGES] !== 0) === assigned) return from;
      }
    }
    return end;
  }

  /** RMPUPDATE of a 4K entry to private; it loses `validated`. */
  makePrivate4k(pfn: number, asid: number, gfn: number, immutable = false): number {
    if (!fits(gfn)) return RMP_CODE.input;
    if (this.#meetsOther()) return RMP_CODE.overlap;
    const [block, at] = this.#ensure(pfn);
    if (block.huge) return RMP_CODE.overlap;
    this.#store(block, at, asid, gfn, immutable);
    return RMP_CODE.ok;
  }

  /** RMPUPDATE of a 2M entry to private, gfn being that of the first page. */
  makePrivate2m(pfn: number, asid: number, gfn: number): number {
    const [block, at] = this.#ensure(pfn);
    if (at !== 0 || gfn % BLOCK_PAGES !== 0 || !fits(gfn)) return RMP_CODE.input;
    if (this.#meetsOther() || hasSmall(block)) return RMP_CODE.overlap;
    for (let i = 0; i < BLOCK_PAGES; i += 1) this.#store(block, i, asid, gfn + i, false);
    block.huge = true;
    return RMP_CODE.ok;
  }

  makeShared4k(pfn: number): number {
    if (this.#meetsOther()) return RMP_CODE.overlap;
    const [block, at] = this.#ensure(pfn);
    if (block.huge) return RMP_CODE.overlap;
    this.#store(block, at, 0, 0, false);
    return RMP_CODE.ok;
  }

  makeShared2m(pfn: number): number {
    const [block, at] = this.#ensure(pfn);
    if (at !== 0) return RMP_CODE.input;
    if (this.#meetsOther() || hasSmall(block)) return RMP_CODE.overlap;
    for (let i = 0; i < BLOCK_PAGES; i += 1) this.#store(block, i, 0, 0, false);
    block.huge = false;
    return RMP_CODE.ok;
  }

  /** Turns the 2M entry at `pfn` into 512 4K entries, which inherit its validated flag. */
  psmash(pfn: number): number {
    const [block, at] = this.#ensure(pfn);
    if (at !== 0) return RMP_CODE.input;
    if (this.#meetsOther()) return RMP_CODE.inUse;
    if (!block.huge) return RMP_CODE.input;
    block.huge = false;
    return RMP_CODE.ok;
  }

  /** The firmware is done with a launch page: validated, no longer immutable. */
  launched(pfn: number): void {
    const [block, at] = this.#ensure(pfn);
    block.immutable[at] = 0;
    block.validated[at] = 1;
  }

  /** PVALIDATE of the entry around `pfn`, whatever its size. @returns a PVALIDATE_CODE. */
  validate(pfn: number): number {
    const [block, at] = this.#ensure(pfn);
    if (block.validated[at] === 1) return PVALIDATE_CODE.noUpdate;
    if (block.huge) block.validated.fill(1);
    else block.validated[at] = 1;
    return PVALIDATE_CODE.ok;
  }

  #store(block: RmpBlock, at: number, asid: number, gfn: number, immutable: boolean): void {
    block.asid[at] = asid;
    block.gfn[at] = gfn;
    block.validated[at] = 0;
    block.immutable[at] = immutable ? 1 : 0;
  }

  /** One attempt has come as far as its entry. @returns whether another processor holds that. */
  #meetsOther(): boolean {
    if (this.#held === 0) return false;
    if (this.#free > 0) {
      this.#free -= 1;
      return false;
    }
    this.#held -= 1;
    return true;
  }

  #find(pfn: number): [RmpBlock | undefined, number] {
    return [this.blocks.get(Math.floor(pfn / BLOCK_PAGES)), pfn % BLOCK_PAGES];
  }

  #ensure(pfn: number): [RmpBlock, number] {
    const number = Math.floor(pfn / BLOCK_PAGES);
    let block = this.blocks.get(number);
    if (block === undefined) {
      block = new RmpBlock();
      this.blocks.set(number, block);
    }
    return [block, pfn % BLOCK_PAGES];
  }
}

/** An entry has room for it. */
function fits(gfn: number): boolean {
  return gfn < 2 ** RMP_GFN_BITS;
}

/** Pages of the block are assigned one by one. */
function hasSmall(block: RmpBlock): boolean {
  return !block.huge && block.asid.some((owner) => owner !== 0);
}
