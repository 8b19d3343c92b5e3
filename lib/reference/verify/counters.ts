/**
 * Counters against a recount: what was added less what was taken away is what is there.
 */
import type { CounterName } from '../../spec/counters.js';
import { NO_PFN } from '../../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, pagesOf } from '../../spec/units.js';
import { BLOCK_PAGES, FRAME, type FrameState } from '../frames.js';
import { hvoBytes, structlessBytes } from '../metadata.js';
import { LEAF } from '../model.js';
import { retainedPages } from '../retained.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

/** Frames that are not in `host_pages`. */
const NOT_HELD: readonly FrameState[] = [FRAME.free, FRAME.pressure, FRAME.pool, FRAME.vmemmap];

const ONLY_TDX: readonly CounterName[] = ['sept_add', 'sept_aug', 'sept_demote', 'sept_promote', 'sept_remove'];
const ONLY_SNP: readonly CounterName[] = [
  'prepares',
  'rmpupdate_4k',
  'rmpupdate_2m',
  'rmpupdate_failed',
  'psmash',
  'psmash_failed',
];
const ONLY_1G: readonly CounterName[] = [
  'faults_1g',
  'folios_allocated_1g',
  'folios_freed_1g',
  'splits_1g',
  'merges_1g',
  'zaps_1g',
];

const PAGES_1G = pagesOf(ORDER_1G);

interface Recount {
  leaves: { readonly [LEAF.small]: number; readonly [LEAF.huge]: number; readonly [LEAF.giant]: number };
  /** Folios of 4K, 2M and 1G. */
  small: number;
  huge: number;
  giant: number;
}

export function verifyCounters(state: State, check: Check): void {
  const { tally } = state;
  const now = recount(state);
  const equal = (what: string, counted: number, found: number) =>
    check(counted === found, () => `${what}: counters say ${counted}, there are ${found}`);
  const demoted = tally.sept_demote - tally.sept_promote;
  equal('4K leaves', tally.faults_4k - tally.zaps_4k + BLOCK_PAGES * demoted, now.leaves[LEAF.small]);
  equal('2M leaves', tally.faults_2m - tally.zaps_2m - demoted, now.leaves[LEAF.huge]);
  equal('1G leaves', tally.faults_1g - tally.zaps_1g, now.leaves[LEAF.giant]);
  verifyFolios(state, now, equal);
  if (state.arch !== 'tdx') for (const name of ONLY_TDX) equal(name, tally[name], 0);
  if (state.arch !== 'snp') for (const name of ONLY_SNP) equal(name, tally[name], 0);
  if (state.arch !== 'snp' && state.arch !== 'tdx') equal('pvalidate', tally.pvalidate, 0);
  if (state.knobs.promote === 'none') equal('promotions', tally.promotions, 0);
  if (state.knobs.promote !== 'sept') equal('sept_promote', tally.sept_promote, 0);
  if (state.hugeOrder < ORDER_1G) for (const name of ONLY_1G) equal(name, tally[name], 0);
  if (!state.inPlace) equal('convert_eagain', tally.convert_eagain, 0);
  check(
    tally.convert_eagain <= tally.converts,
    () => `convert_eagain: ${tally.convert_eagain} of ${tally.converts} conversions`,
  );
  verifyDistinct(state, check);
  verifyPeaks(state, check, equal);
  const byConversion = state.arch === 'pkvm' ? 0 : tally.converts;
  check(tally.exits >= byConversion, () => `exits: ${tally.exits}, of them ${byConversion} conversions`);
}

type Equal = (what: string, counted: number, found: number) => void;

/** Folios added, removed, split and merged make those there are; a split or merge of 1G moves pages among the smaller. */
function verifyFolios(state: State, now: Recount, equal: Equal): void {
  const { tally } = state;
  const small = tally.folios_allocated_4k - tally.folios_freed_4k;
  const huge = tally.folios_allocated_2m - tally.folios_freed_2m;
  const giant = tally.folios_allocated_1g - tally.folios_freed_1g;
  equal('1G folios', giant - tally.splits_1g + tally.merges_1g, now.giant);
  equal(
    'pages of folios',
    small + huge * BLOCK_PAGES + giant * PAGES_1G,
    now.small + now.huge * BLOCK_PAGES + now.giant * PAGES_1G,
  );
  if (state.hugeOrder === ORDER_1G) return;
  const broken = tally.splits_2m - tally.merges_2m;
  equal('4K folios', small + BLOCK_PAGES * broken, now.small);
  equal('2M folios', huge - broken, now.huge);
}

function verifyDistinct(state: State, check: Check): void {
  const atMost = (what: string, sets: readonly ReadonlySet<number>[], limit: number) => {
    const found = sets.reduce((sum, set) => sum + set.size, 0);
    check(found <= limit && (found > 0 || limit === 0), () => `${what}: ${found} ranges, ${limit} events`);
  };
  const { files, tally } = state;
  atMost(
    'split_distinct_2m',
    files.map((file) => file.everSplit),
    tally.splits_2m,
  );
  atMost(
    'split_distinct_1g',
    files.map((file) => file.everSplit1g),
    tally.splits_1g,
  );
  atMost(
    'merge_distinct_2m',
    files.map((file) => file.everMerged),
    tally.merges_2m,
  );
  atMost(
    'merge_distinct_1g',
    files.map((file) => file.everMerged1g),
    tally.merges_1g,
  );
}

function verifyPeaks(state: State, check: Check, equal: Equal): void {
  const { frames, tally } = state;
  let held = 0;
  let copies = 0;
  for (const is of frames.state) {
    if (is === FRAME.copy) copies += 1;
    if (!NOT_HELD.includes(is as FrameState)) held += 1;
  }
  equal('host pages', frames.hostPages, held);
  equal('shared copy pages', frames.copyPages, copies);
  const peak = (what: string, highest: number, present: number, most = frames.pages) =>
    check(highest >= present && highest <= most, () => `${what} peak is ${highest}, there are ${present}`);
  peak('host pages', frames.hostPagesPeak, held);
  peak('shared copy pages', frames.copyPagesPeak, copies);
  peak('retained pages', tally.retained_pages_peak, retainedPages(state));
  if (state.knobs.metadata === 'hvo') {
    peak('metadata', tally.metadata_bytes_modelled_peak, hvoBytes(state), Number.POSITIVE_INFINITY);
  }
  if (state.knobs.metadata === 'structless') {
    peak('metadata', tally.metadata_bytes_modelled_peak, structlessBytes(state), Number.POSITIVE_INFINITY);
  }
}

function recount(state: State): Recount {
  const leaves = { [LEAF.small]: 0, [LEAF.huge]: 0, [LEAF.giant]: 0 };
  const now = { leaves, small: 0, huge: 0, giant: 0 };
  for (const file of state.files) {
    for (const [number, block] of file.blocks) {
      const base = number * BLOCK_PAGES;
      if (block.leaf[0] === LEAF.huge) leaves[LEAF.huge] += 1;
      if (block.leaf[0] === LEAF.giant && base % PAGES_1G === 0) leaves[LEAF.giant] += 1;
      leaves[LEAF.small] += block.leaf.filter((leaf) => leaf === LEAF.small).length;
      if (block.order === ORDER_2M) now.huge += 1;
      else if (block.order === ORDER_4K) now.small += block.pfn.filter((pfn) => pfn !== NO_PFN).length;
      else if (base % PAGES_1G === 0) now.giant += 1;
    }
  }
  return now;
}
