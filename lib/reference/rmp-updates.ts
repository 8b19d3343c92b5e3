/**
 * RMPUPDATE and PSMASH as the kernel issues them: every attempt that fails is counted, one that failed for the moment is
 * made again, at most RMP_ATTEMPTS times where there is somebody to be told (docs/semantics.md, section 26). Every
 * instruction but PVALIDATE goes through here.
 *
 * Stores nothing. An update that was given up has changed no entry.
 */
import { RMP_ATTEMPTS } from '../spec/rmp.js';
import { ORDER_2M, ORDER_4K } from '../spec/units.js';
import { BLOCK_PAGES } from './frames.js';
import { RMP_CODE, type Rmp } from './rmp.js';
import type { State } from './state.js';

/** Sizes of an RMP entry. */
export type EntryOrder = typeof ORDER_4K | typeof ORDER_2M;

/** What an entry is to say. */
export interface Assignment {
  readonly asid: number;
  readonly gfn: number;
  /** 4K only: the firmware works on the page. */
  readonly immutable?: boolean;
}

/** Makes an entry private. @returns false: it was given up after `attempts`, or there is no hope. */
export function assign(
  state: State,
  pfn: number,
  order: EntryOrder,
  { asid, gfn, immutable }: Assignment,
  attempts = RMP_ATTEMPTS,
): boolean {
  const { rmp } = state;
  const attempt = () =>
    order === ORDER_2M ? rmp.makePrivate2m(pfn, asid, gfn) : rmp.makePrivate4k(pfn, asid, gfn, immutable);
  return update(state, pfn, order, attempt, attempts);
}

/** The same for pages in use, whose entries were given up for it: they must not be left without one. */
export function reassign(state: State, pfn: number, order: EntryOrder, to: Assignment): void {
  assign(state, pfn, order, to, Number.POSITIVE_INFINITY);
}

/** Makes an entry shared. A page that is freed while it is assigned would be lost to the host, so nobody gives up. */
export function share(state: State, pfn: number, order: EntryOrder): void {
  const { rmp } = state;
  const attempt = () => (order === ORDER_2M ? rmp.makeShared2m(pfn) : rmp.makeShared4k(pfn));
  update(state, pfn, order, attempt, Number.POSITIVE_INFINITY);
}

/**
 * Smashes the 2M entry around `pfn`. Who frees pages cannot do without; a guest whose fault gave up has it again with the same
 * instruction.
 */
export function smash(state: State, pfn: number): void {
  const head = pfn - (pfn % BLOCK_PAGES);
  for (;;) {
    const code = state.rmp.psmash(head);
    state.tally[code === RMP_CODE.ok ? 'psmash' : 'psmash_failed'] += 1;
    if (code !== RMP_CODE.inUse) return;
  }
}

function update(state: State, pfn: number, order: EntryOrder, attempt: () => number, most: number): boolean {
  for (let attempts = 1; ; attempts += 1) {
    const code = attempt();
    if (code === RMP_CODE.ok) {
      state.tally[order === ORDER_2M ? 'rmpupdate_2m' : 'rmpupdate_4k'] += 1;
      return true;
    }
    state.tally.rmpupdate_failed += 1;
    if (code !== RMP_CODE.overlap || overlaps(state.rmp, pfn, order) || attempts >= most) return false;
  }
}

/** The table itself shows the overlap: it is real, and will not pass. */
function overlaps(rmp: Rmp, pfn: number, order: EntryOrder): boolean {
  if (order === ORDER_4K) return rmp.lookup(pfn)?.huge === true;
  return rmp.lookup(pfn)?.huge !== true && rmp.next(pfn, pfn + BLOCK_PAGES, true) < pfn + BLOCK_PAGES;
}
