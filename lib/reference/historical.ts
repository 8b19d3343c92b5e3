/**
 * The twenty historical faults: mistakes that were in published guest_memfd series, each a switch of this engine that is
 * off unless a test turns it on. They prove that the project's own tests find such mistakes; what each test found is in
 * docs/historical-faults.md.
 *
 * `state.faulty('name')` is asked at the place where the mistake sat, and nowhere else. A switch does something only
 * under knobs and an arch that have such a place.
 */
import type { Arch, Knobs } from '../spec/knobs.js';

export interface Historical {
  /** The number after the H. */
  readonly number: number;
  readonly goesWrong: string;
  /** The series it was in. */
  readonly seenIn: string;
  /** What this engine does instead of the right thing, and how far that is the kernel's mistake. */
  readonly modelled: string;
  /** Policies that have the code it was in. */
  readonly sits: (knobs: Knobs, arch: Arch) => boolean;
}

const bitmap = ({ preparedness }: Knobs): boolean => preparedness === 'bitmap';
const huge = ({ hugepages }: Knobs): boolean => hugepages !== 'off';
const pool = ({ source }: Knobs): boolean => source === 'pool';
const hugeBitmap = (knobs: Knobs): boolean => bitmap(knobs) && huge(knobs);
const hugeSnp = (knobs: Knobs, arch: Arch): boolean => arch === 'snp' && huge(knobs);

export const HISTORICAL_FAULTS = {
  'inverted-is-prepared': {
    number: 1,
    goesWrong: 'what is prepared is prepared again, what is not is skipped',
    seenIn: 'THP series, patch 1 (patch 2 repairs it)',
    modelled: 'the test for a prepared range is taken the wrong way round',
    sits: bitmap,
  },
  'unprepare-rounds-up': {
    number: 2,
    goesWrong: 'a hole clears marks beyond its end, and a later fault clears pages the guest uses',
    seenIn: 'prepared bitmap, third posting',
    modelled: 'freed pages take the marks of the rest of their 64-page bitmap word with them',
    sits: bitmap,
  },
  'pointer-before-mask': {
    number: 3,
    goesWrong: 'the first word of the bitmap to set is found before the index is aligned down',
    seenIn: 'prepared bitmap, third posting (THP patch 2 repairs it)',
    modelled: 'the marks of a huge range start at the word of the page asked for, and end as far behind the range',
    sits: hugeBitmap,
  },
  'lookup-error-is-success': {
    number: 4,
    goesWrong: 'an RMP lookup that fails is taken for a range with nothing left to assign, and the folio is marked',
    seenIn: 'THP series, patch 4',
    modelled:
      'a simulated lookup cannot fail, so the switch brings the failure along: a page assigned at another guest address counts as one, and the hook reports success with nothing assigned',
    sits: hugeSnp,
  },
  'uninitialised-order': {
    number: 5,
    goesWrong: 'populate passes on an order nobody has set',
    seenIn: 'THP series, patch 5',
    modelled: 'the variable reads as 0: populate goes page by page through folios it should take whole',
    // TDX is populated page by page, whatever the order says.
    sits: (knobs, arch) => huge(knobs) && arch !== 'tdx',
  },
  'independent-align-down': {
    number: 6,
    goesWrong:
      'gfn and pfn are aligned down each for itself; where a slot is not congruent the RMP gets wrong addresses',
    seenIn: 'THP series, patch 4',
    modelled:
      'congruence does not limit the prepare range, and the hook starts at the aligned gfn of the page asked for',
    sits: (knobs, arch) => hugeSnp(knobs, arch) && knobs.conversion === 'discard',
  },
  'reclear-prepared': {
    number: 7,
    goesWrong: 'a prepare of a larger range clears pages that were prepared before: guest data is lost',
    seenIn: 'THP series, before patch 2',
    modelled: 'a prepare clears every page of its range, marked or not',
    sits: hugeBitmap,
  },
  'one-entry-for-a-folio': {
    number: 8,
    goesWrong: 'one 4K RMP entry is made and the whole folio is marked: the vCPU faults for ever on the other pages',
    seenIn: 'THP series, before patch 4',
    modelled: 'the hook assigns the page asked for alone',
    sits: (knobs, arch) => hugeBitmap(knobs) && arch === 'snp',
  },
  'hook-assumes-2m': {
    number: 9,
    goesWrong: 'the hook takes any range that is larger than 4K for one of 2M',
    seenIn: 'THP series, before patch 4',
    modelled: 'of a 1G range the hook assigns the 2M around the page asked for',
    sits: ({ hugepages }, arch) => hugepages === '1G' && arch === 'snp',
  },
  'partly-prepared-populate': {
    number: 10,
    goesWrong: 'populate refuses a block only when all of it is prepared, and overwrites one that is prepared in part',
    seenIn: 'THP series',
    modelled: 'the test of a step asks for all marks instead of any; on snp the RMP would refuse the step all the same',
    sits: (knobs, arch) => hugeBitmap(knobs) && arch !== 'snp' && arch !== 'tdx',
  },
  'retry-clears-assigned': {
    number: 11,
    goesWrong: 'a prepare that failed half-way leaves its RMP entries; tried again, it clears pages that are assigned',
    seenIn: 'THP series',
    modelled:
      'the switch brings the failure along: the walk fails at a page assigned at another guest address; its entries stay, nothing is marked, and the next prepare clears them',
    sits: hugeSnp,
  },
  'order-from-gfn-alone': {
    number: 12,
    goesWrong: 'populate takes its order from the gfn and marks pages outside of what it was asked for',
    seenIn: 'THP series',
    modelled: 'a step at an aligned gfn marks the whole 2M folio, whatever the index, the window and the range are',
    sits: hugeBitmap,
  },
  'stale-marks-after-failed-split': {
    number: 13,
    goesWrong: 'a partial punch that cannot split the folio unprepares the hole in it all the same',
    seenIn: 'THP series',
    modelled: 'the folio stays, as it should, and the marks of the hole go',
    sits: (knobs) => hugeBitmap(knobs) && knobs.punch === 'split',
  },
  'shadowed-ret': {
    number: 14,
    goesWrong: 'ENOMEM is kept in an inner variable of the same name and lost',
    seenIn: '1G series, RFC v2',
    modelled: 'fallocate of a pool that has no huge page left answers success',
    sits: pool,
  },
  'stale-error-offset': {
    number: 15,
    goesWrong: 'the offset of an error is set for EAGAIN only',
    seenIn: '1G series, RFC v2',
    modelled: 'the variable reads as 0: a refused conversion names guest address 0 unless it was EAGAIN',
    sits: pool,
  },
  'rollback-underflow': {
    number: 16,
    goesWrong: 'the rollback counts down to its start with an unsigned index, and does not end when that is 0',
    seenIn: '1G series, RFC v2',
    modelled:
      'a refused piece of a conversion is rolled back with an index of 64 bits; the engine throws when it wraps',
    sits: pool,
  },
  'allocate-rounds-down': {
    number: 17,
    goesWrong: 'fallocate leaves out the last huge page when only a part of it is asked for',
    seenIn: '1G series, RFC v2',
    modelled: 'the end of the range is rounded down to a whole huge page',
    sits: pool,
  },
  'zero-from-folio-head': {
    number: 18,
    goesWrong: 'a partial punch zeroes as many bytes as it should, but from the head of the folio',
    seenIn: '1G series, RFC v2',
    modelled: 'the pages zeroed are moved to the start of the folio',
    sits: (knobs) => pool(knobs) && knobs.punch === 'zero',
  },
  'to-shared-ignores-references': {
    number: 19,
    goesWrong: 'a conversion to shared splits folios without a look at their references',
    seenIn: '1G series, RFC v2',
    modelled: 'only the supply of vmemmap can refuse the split',
    sits: (knobs) => pool(knobs) && knobs.sharedOrder !== 'natural',
  },
  'error-offset-below-start': {
    number: 20,
    goesWrong: 'EAGAIN names the head of the referenced folio, which may lie below the range asked for',
    seenIn: 'in-place series, v6',
    modelled: 'the head of the folio is named as it is',
    sits: (knobs) => huge(knobs) && knobs.conversion === 'in-place',
  },
} as const satisfies Record<string, Historical>;

export type HistoricalFault = keyof typeof HISTORICAL_FAULTS;

/** Those of the faults that were switched on for which there is a place in this policy. */
export function seated(faults: readonly HistoricalFault[], knobs: Knobs, arch: Arch): ReadonlySet<HistoricalFault> {
  return new Set(faults.filter((name) => HISTORICAL_FAULTS[name].sits(knobs, arch)));
}
