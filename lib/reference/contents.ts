/**
 * Bytes of the page frames: a buffer for each frame that was ever written since it was cleared, nothing for one that
 * reads as zeros.
 *
 * A frame that is freed with contents keeps a visible trace, the STALE page, until its next owner clears it: if a rule
 * were broken and the clear forgotten, reads show STALE_BYTE instead of zeros.
 */
import { PAGE_BYTES } from '../spec/units.js';

export const STALE_BYTE = 0xe5;
const STALE = new Uint8Array(PAGE_BYTES).fill(STALE_BYTE);

/** What a conversion leaves where nothing was asked for. */
export const SCRAMBLED_BYTE = 0xa5;
const SCRAMBLED = new Uint8Array(PAGE_BYTES).fill(SCRAMBLED_BYTE);

/** What a read saw: one byte value everywhere, or `MIXED`. */
export const MIXED = -1;

export class Contents {
  readonly enabled: boolean;
  readonly #pages = new Map<number, Uint8Array>();
  readonly #limitPages: number;
  #resident = 0;

  constructor(enabled: boolean, limitBytes: number) {
    this.enabled = enabled;
    this.#limitPages = Math.floor(limitBytes / PAGE_BYTES);
  }

  get residentBytes(): number {
    return this.#resident * PAGE_BYTES;
  }

  clear(pfn: number): void {
    this.#drop(pfn);
  }

  /** The frame leaves its owner. */
  retire(pfn: number): void {
    if (this.#drop(pfn)) this.#pages.set(pfn, STALE);
  }

  /** The whole frame reads SCRAMBLED_BYTE; that costs no buffer until somebody writes. */
  scramble(pfn: number): void {
    if (!this.enabled) return;
    this.#drop(pfn);
    this.#pages.set(pfn, SCRAMBLED);
  }

  /** Fills bytes [from, to) of a frame. @returns false when the resident limit does not allow it. */
  write(pfn: number, from: number, to: number, byte: number): boolean {
    if (!this.enabled) return true;
    let page = this.#pages.get(pfn);
    if (page === undefined || isCommon(page)) {
      if (this.#resident >= this.#limitPages) return false;
      page = page === undefined ? new Uint8Array(PAGE_BYTES) : page.slice();
      this.#pages.set(pfn, page);
      this.#resident += 1;
    }
    page.fill(byte, from, to);
    return true;
  }

  /** @returns the byte all of [from, to) hold, or MIXED. */
  read(pfn: number, from: number, to: number): number {
    const page = this.#pages.get(pfn);
    if (page === undefined) return 0;
    const first = page[from] as number;
    for (let at = from; at < to; at += 1) if (page[at] !== first) return MIXED;
    return first;
  }

  /** Frames with contents of their owner, for verify. */
  *owned(): Generator<number> {
    for (const [pfn, page] of this.#pages) if (page !== STALE) yield pfn;
  }

  #drop(pfn: number): boolean {
    const page = this.#pages.get(pfn);
    if (page === undefined) return false;
    this.#pages.delete(pfn);
    if (!isCommon(page)) this.#resident -= 1;
    return true;
  }
}

/** One of the two pages many frames show. */
function isCommon(page: Uint8Array): boolean {
  return page === STALE || page === SCRAMBLED;
}
