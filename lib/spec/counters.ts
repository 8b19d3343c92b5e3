/**
 * The simulated counters, in the order of the counter array both engines fill. They are exact and deterministic:
 * for one op stream, policy, arch and seed every engine reports the same numbers.
 *
 * `docs/counters.md` is generated from this table.
 */
import { frozen } from './frozen.js';

export const COUNTERS = frozen({
  faults_4k: 'stage-2 leaves of 4K installed',
  faults_2m: 'stage-2 leaves of 2M installed',
  faults_1g: 'stage-2 leaves of 1G installed',
  folios_allocated_4k: '4K folios added to gmem files (shared copies are not folios of the file)',
  folios_allocated_2m: '2M folios added to gmem files',
  folios_allocated_1g: '1G folios added to gmem files',
  folios_freed_4k: '4K folios removed from gmem files',
  folios_freed_2m: '2M folios removed from gmem files',
  folios_freed_1g: '1G folios removed from gmem files',
  fallbacks:
    'orders the allocator refused for a gmem folio, whether a smaller one followed or ENOMEM (order 0 counts too)',
  prepares: 'calls of the arch prepare hook (snp)',
  pages_cleared: 'pages the modelled kernel cleared: gmem pages and shared copies',
  rmpupdate_4k: 'successful RMPUPDATEs of 4K entries, both directions',
  rmpupdate_2m: 'successful RMPUPDATEs of 2M entries, both directions',
  rmpupdate_failed: 'attempts of RMPUPDATE that returned a nonzero code, those tried again included',
  psmash: '2M RMP entries smashed into 512 4K entries',
  psmash_failed: 'attempts of PSMASH that returned a nonzero code',
  pvalidate: 'PVALIDATEs that reached the RMP; on tdx page accepts that reached a leaf',
  sept_add: 'TDH.MEM.PAGE.ADD of a 4K page before finalize, its 16 TDH.MR.EXTEND included',
  sept_aug: 'TDH.MEM.PAGE.AUG: private leaves of either size added at fault (events, not pages)',
  sept_demote: 'TDH.MEM.PAGE.DEMOTE: private 2M leaves turned into 512 of 4K',
  sept_promote: 'TDH.MEM.PAGE.PROMOTE: 512 private 4K leaves turned into one of 2M',
  sept_remove: 'TDH.MEM.PAGE.REMOVE: private leaves of either size blocked, tracked and removed',
  converts: 'convert ops that passed their argument checks',
  converted_pages: 'pages whose kind a convert op changed',
  convert_eagain: 'convert ops refused because a page was referenced',
  exits: 'exits to userspace: conversions, memory faults, MMIO',
  splits_2m: '2M folios split (events)',
  splits_1g: '1G folios split (events)',
  merges_2m: 'merges into a 2M folio (events)',
  merges_1g: 'merges into a 1G folio (events)',
  split_distinct_2m: 'distinct 2M ranges of a file whose folio was ever split',
  split_distinct_1g: 'distinct 1G ranges of a file whose folio was ever split',
  merge_distinct_2m: 'distinct 2M ranges of a file ever merged',
  merge_distinct_1g: 'distinct 1G ranges of a file ever merged',
  split_failed: 'splits refused because the folio was referenced',
  promotions: 'merged ranges whose small mappings were rebuilt or promoted to a huge one (events)',
  zaps_4k: 'stage-2 leaves of 4K removed',
  zaps_2m: 'stage-2 leaves of 2M removed',
  zaps_1g: 'stage-2 leaves of 1G removed',
  host_leaves_4k: '4K leaves of the host table that holds only shared parts, at the end',
  host_leaves_2m: '2M leaves of that table, at the end',
  host_leaves_1g: '1G leaves of that table, at the end',
  retained_pages_peak:
    'pages a conversion to shared by discard left in the file, where punch is zero, keep or refuse, until private again or freed, peak (punch split counts none, not even those that vmmPunch spares)',
  retained_pages_end: 'the same, at the end',
  host_pages_peak: 'host pages held by gmem folios, shared copies, orphans and poison, peak',
  host_pages_end: 'host pages held, at the end',
  shared_copy_pages_peak: 'pages of shared copies outside gmem, peak (double allocation)',
  stranded_pages_end: 'free pages in 2M blocks that an unmovable page keeps broken, at the end',
  metadata_bytes_modelled_peak: 'modelled metadata of the pages held (struct page: 64 bytes each), peak',
  metadata_bytes_modelled_end: 'the same, at the end',
} as const);

export type CounterName = keyof typeof COUNTERS;
export const COUNTER_NAMES = frozen(Object.keys(COUNTERS) as readonly CounterName[]);

/** Counter values by name, plus how often each errno was answered. */
export type Counters = Record<CounterName, number> & { errors: Record<string, number> };

/** Leaves of a size that a demotion in the S-EPT adds, and a promotion takes away. */
const DEMOTION_ADDS = { '4k': 512, '2m': -1, '1g': 0 } as const;
export type LeafSize = keyof typeof DEMOTION_ADDS;

/** Stage-2 leaves of a size there are now (docs/semantics-tdx.md, section 23). */
export function liveLeaves(of: (name: CounterName) => number, size: LeafSize): number {
  const demotions = of('sept_demote') - of('sept_promote');
  return of(`faults_${size}`) - of(`zaps_${size}`) + DEMOTION_ADDS[size] * demotions;
}
