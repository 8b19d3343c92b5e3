/**
 * Counters against a recount: what was added less what was taken away is what is there.
 */
import type { CounterName } from '../../spec/counters.js';
import { NO_PFN } from '../../spec/page-view.js';
import { BLOCK_PAGES, FRAME } from '../frames.js';
import { LEAF } from '../model.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

/** Counters of knobs and arches that are not simulated. */
const ALWAYS_ZERO: readonly CounterName[] = [
  'faults_1g',
  'folios_allocated_1g',
  'folios_freed_1g',
  'sept_add',
  'sept_aug',
  'sept_demote',
  'sept_promote',
  'sept_remove',
  'convert_eagain',
  'splits_1g',
  'merges_1g',
  'split_distinct_1g',
  'merge_distinct_1g',
  'promotions',
  'zaps_1g',
  'host_leaves_4k',
  'host_leaves_2m',
  'host_leaves_1g',
  'retained_pages_peak',
  'retained_pages_end',
];

interface Recount {
  leaves4k: number;
  leaves2m: number;
  folios4k: number;
  folios2m: number;
  split: number;
  merged: number;
}

export function verifyCounters(state: State, check: Check): void {
  const { tally, frames } = state;
  const now = recount(state);
  const equal = (what: string, counted: number, found: number) =>
    check(counted === found, () => `${what}: counters say ${counted}, there are ${found}`);
  equal('4K leaves', tally.faults_4k - tally.zaps_4k, now.leaves4k);
  equal('2M leaves', tally.faults_2m - tally.zaps_2m, now.leaves2m);
  const broken = tally.splits_2m - tally.merges_2m;
  const folios4k = tally.folios_allocated_4k - tally.folios_freed_4k + BLOCK_PAGES * broken;
  equal('4K folios', folios4k, now.folios4k);
  equal('2M folios', tally.folios_allocated_2m - tally.folios_freed_2m - broken, now.folios2m);
  for (const name of ALWAYS_ZERO) equal(name, tally[name], 0);
  if (state.arch !== 'snp') {
    for (const name of ['prepares', 'rmpupdate_4k', 'rmpupdate_2m', 'psmash', 'pvalidate'] as const) {
      equal(name, tally[name], 0);
    }
  }

  let held = 0;
  let copies = 0;
  for (const is of frames.state) {
    if (is === FRAME.copy) copies += 1;
    if (is !== FRAME.free && is !== FRAME.pressure) held += 1;
  }
  equal('host pages', frames.hostPages, held);
  equal('shared copy pages', frames.copyPages, copies);
  const peak = (what: string, highest: number, present: number) =>
    check(highest >= present && highest <= frames.pages, () => `${what} peak is ${highest}, there are ${present}`);
  peak('host pages', frames.hostPagesPeak, held);
  peak('shared copy pages', frames.copyPagesPeak, copies);
  const atMost = (what: string, found: number, limit: number) =>
    check(found <= limit, () => `${what}: ${found} ranges, ${limit} events`);
  atMost('split_distinct_2m', now.split, tally.splits_2m);
  atMost('merge_distinct_2m', now.merged, tally.merges_2m);
  check(tally.exits >= tally.converts, () => `exits: ${tally.exits}, of them ${tally.converts} conversions`);
}

function recount(state: State): Recount {
  const now: Recount = { leaves4k: 0, leaves2m: 0, folios4k: 0, folios2m: 0, split: 0, merged: 0 };
  for (const file of state.files) {
    now.split += file.everSplit.size;
    now.merged += file.everMerged.size;
    for (const block of file.blocks.values()) {
      if (block.leaf[0] === LEAF.huge) now.leaves2m += 1;
      if (block.hugeFolio) now.folios2m += 1;
      for (let at = 0; at < BLOCK_PAGES; at += 1) {
        if (block.leaf[at] === LEAF.small) now.leaves4k += 1;
        if (!block.hugeFolio && block.pfn[at] !== NO_PFN) now.folios4k += 1;
      }
    }
  }
  return now;
}
