/**
 * The pool: free, reserved, used, draining and lost huge pages make it up, each is what its frames and files say, and with
 * hvo a split one has its vmemmap and nobody else has any.
 */
import { NO_PFN } from '../../spec/page-view.js';
import { BLOCK_PAGES, FRAME } from '../frames.js';
import { POOL_USE, type Pool, type PoolUse } from '../pool.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

const NAMES = Object.fromEntries(Object.entries(POOL_USE).map(([name, use]) => [use, name]));

export function verifyPool(state: State, check: Check): void {
  const { pool } = state;
  const vmemmap = state.frames.state.filter((is) => is === FRAME.vmemmap).length;
  if (pool === undefined) {
    check(vmemmap === 0, () => `${vmemmap} vmemmap frames without a pool`);
    return;
  }
  const ordersOf = foliosByHugePage(state, pool, check);
  const counted = [0, 0, 0, 0, 0];
  let taken = 0;
  for (let hugePage = 0; hugePage < pool.use.length; hugePage += 1) {
    const use = pool.use[hugePage] as PoolUse;
    counted[use] = (counted[use] as number) + 1;
    const expected = useByFrames(state, pool, hugePage, ordersOf.get(hugePage));
    check(use === expected, () => `huge page ${hugePage} is ${NAMES[use]}, its frames say ${NAMES[expected]}`);
    const frames = pool.vmemmap.get(hugePage) ?? [];
    taken += frames.length;
    const mayHave = use === POOL_USE.split || use === POOL_USE.draining;
    const full = frames.length === pool.vmemmapPages;
    const right = use === POOL_USE.split ? full : frames.length === 0 || (mayHave && full);
    check(right, () => `huge page ${hugePage} is ${NAMES[use]} and has ${frames.length} vmemmap frames`);
    const mine = frames.every((pfn) => state.frames.state[pfn] === FRAME.vmemmap);
    check(mine, () => `huge page ${hugePage}: a vmemmap frame is none`);
  }
  check(taken === vmemmap, () => `${vmemmap} vmemmap frames, huge pages have ${taken}`);
  counted.forEach((pages, use) => {
    const said = pool.inUse[use];
    check(said === pages, () => `huge pages ${NAMES[use]}: ${pages}, counted ${said}`);
  });
  verifyReservation(state, pool, check);
}

/** Open files hold what they have taken, and are promised the rest of their size. */
function verifyReservation(state: State, pool: Pool, check: Check): void {
  let promised = 0;
  for (const file of state.gmems.values()) promised += file.pages / pool.pages;
  const used = (pool.inUse[POOL_USE.whole] as number) + (pool.inUse[POOL_USE.split] as number);
  check(pool.reserved === promised - used, () => `${pool.reserved} huge pages reserved, files want ${promised - used}`);
}

/** What the frames of a huge page make it. */
function useByFrames(state: State, pool: Pool, hugePage: number, folio: 'whole' | 'split' | undefined): PoolUse {
  if (folio !== undefined) return POOL_USE[folio];
  const from = hugePage * pool.pages;
  const frames = state.frames.state.subarray(from, from + pool.pages);
  if (frames.includes(FRAME.orphanGmem)) return POOL_USE.draining;
  return frames.includes(FRAME.poisoned) ? POOL_USE.lost : POOL_USE.free;
}

/** Huge pages that files have, as one folio or split; a file has one whole, for one aligned range. */
function foliosByHugePage(state: State, pool: Pool, check: Check): Map<number, 'whole' | 'split'> {
  const found = new Map<number, 'whole' | 'split'>();
  const pages = new Map<number, number>();
  for (const file of state.files) {
    for (const [number, block] of file.blocks) {
      for (let at = 0; at < BLOCK_PAGES; at += 1) {
        const pfn = block.pfn[at] as number;
        if (pfn === NO_PFN) continue;
        const index = number * BLOCK_PAGES + at;
        check(pool.has(pfn), () => `gmem ${file.id} index ${index}: pfn ${pfn} is not of the pool`);
        check(
          pfn % pool.pages === index % pool.pages,
          () => `gmem ${file.id} index ${index}: pfn ${pfn} is at another place of its huge page`,
        );
        const hugePage = pool.hugePageOf(pfn);
        found.set(hugePage, block.order === state.hugeOrder ? 'whole' : 'split');
        pages.set(hugePage, (pages.get(hugePage) ?? 0) + 1);
      }
    }
  }
  for (const [hugePage, count] of pages) {
    check(count === pool.pages, () => `huge page ${hugePage} has ${count} pages of a file`);
  }
  return found;
}
