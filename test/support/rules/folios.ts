/**
 * Section 11: explicit split and merge.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, no, ok, privately, punched, type Rule, yes } from './rule.js';

const SPLIT = { op: 'split', offset: 0, size: HUGE } as const;
const MERGE = { op: 'merge', offset: 0, size: HUGE, order: 9 } as const;
const REFER = { op: 'pin', offset: 0, size: PAGE, kind: 'speculative' } as const;
const huge = { hugepages: '2M' } as const;

export const folios: readonly Rule[] = [
  {
    rule: 'split: arguments EINVAL, order 0 only; small and absent folios are no work',
    policy: huge,
    steps: [
      ...boot(2 * HUGE),
      [{ ...SPLIT, size: 0 }, no('EINVAL')],
      [{ ...SPLIT, size: -PAGE }, no('EINVAL')],
      [{ ...SPLIT, offset: -PAGE }, no('EINVAL')],
      [{ ...SPLIT, offset: 1 }, no('EINVAL')],
      [{ ...SPLIT, size: 1 }, no('EINVAL')],
      [{ ...SPLIT, offset: HUGE + PAGE }, no('EINVAL')],
      [{ ...SPLIT, order: 9 }, no('EINVAL')],
      [{ ...SPLIT, order: 1 }, no('EINVAL')],
      [SPLIT, yes({ split: 0 })],
      [{ op: 'fallocate', offset: 0, size: 2 * HUGE }, ok],
      [{ ...SPLIT, offset: HUGE - PAGE, size: 2 * PAGE }, yes({ split: 2 })],
      [SPLIT, yes({ split: 0 })],
    ],
    counters: { splits_2m: 2, split_distinct_2m: 2, folios_freed_2m: 0, folios_allocated_4k: 0 },
    pages: [{ index: 0, order: 0, pfn: 0 }],
  },
  {
    rule: 'split zaps the 2M leaf and leaves the RMP alone: 4K leaves on a 2M entry',
    arch: 'snp',
    policy: huge,
    steps: [...boot(HUGE), privately(0, 0, 9), [SPLIT, yes({ split: 1 })], privately(3, 3)],
    counters: { zaps_2m: 1, faults_4k: 1, psmash: 0, prepares: 1 },
    pages: [{ index: 3, leaf: 0, rmp: { asid: 1, gfn: 3, order: 9, validated: false, immutable: false } }],
  },
  {
    rule: 'split over a reference: EAGAIN at max(folio, offset), earlier folios stay split',
    policy: huge,
    steps: [
      ...boot(3 * HUGE),
      [{ op: 'fallocate', offset: 0, size: 3 * HUGE }, ok],
      [{ ...REFER, offset: HUGE + 5 * PAGE, tries: 2 }, ok],
      [{ ...SPLIT, size: 3 * HUGE }, no('EAGAIN', { offset: HUGE })],
      [{ ...SPLIT, offset: HUGE + 9 * PAGE, size: PAGE }, no('EAGAIN', { offset: HUGE + 9 * PAGE })],
      [{ ...SPLIT, offset: HUGE }, yes({ split: 1 })],
    ],
    counters: { splits_2m: 2, split_failed: 2 },
    pages: [
      { index: 512 + 5, pinned: false },
      { index: 1024, order: 9 },
    ],
  },
  {
    rule: 'merge: arguments EINVAL, order 9 within what the policy has',
    policy: huge,
    steps: [
      ...boot(2 * HUGE),
      [{ ...MERGE, order: 0 }, no('EINVAL')],
      [{ ...MERGE, order: 18 }, no('EINVAL')],
      [{ ...MERGE, order: 5 }, no('EINVAL')],
      [{ ...MERGE, size: 3 * HUGE }, no('EINVAL')],
      [{ ...MERGE, size: 0 }, no('EINVAL')],
      [{ ...MERGE, offset: -HUGE }, no('EINVAL')],
      [{ ...MERGE, offset: 1 }, no('EINVAL')],
      [MERGE, yes({ merged: 0 })],
    ],
  },
  {
    rule: 'merge without huge pages in the policy: EINVAL',
    steps: [...boot(HUGE), [MERGE, no('EINVAL')]],
  },
  {
    rule: 'merge: whole aligned blocks, present, contiguous, healthy; leaves stay; no allocations counted',
    arch: 'snp',
    policy: huge,
    steps: [
      ...boot(4 * HUGE),
      privately(0, 0, 9),
      [{ ...SPLIT, size: 2 * HUGE }, yes({ split: 1 })],
      privately(0, 0),
      [{ ...MERGE, offset: PAGE, size: HUGE }, yes({ merged: 0 })],
      [MERGE, yes({ merged: 1 })],
      [MERGE, yes({ merged: 0 })],
      privately(0, 0, 9),
      punched(0, 1, 1, 1),
      [MERGE, yes({ merged: 0 })],
      [{ op: 'set', key: 'hugepages', value: 'off' }, ok],
      [{ op: 'fallocate', offset: HUGE, size: PAGE }, ok],
      [{ op: 'fallocate', offset: 0, size: 2 * HUGE }, ok],
      [{ ...MERGE, size: 2 * HUGE }, yes({ merged: 0 })],
    ],
    counters: {
      merges_2m: 1,
      merge_distinct_2m: 1,
      splits_2m: 2,
      zaps_4k: 1,
      zaps_2m: 2,
      faults_2m: 2,
      folios_allocated_2m: 1,
    },
  },
  {
    rule: 'merge over a reference: EAGAIN at the first referenced page, an attempt, not split_failed',
    policy: huge,
    steps: [
      ...boot(HUGE),
      [{ op: 'fallocate', offset: 0, size: HUGE }, ok],
      [SPLIT, yes({ split: 1 })],
      [{ ...REFER, offset: 9 * PAGE, tries: 1 }, ok],
      [{ ...REFER, offset: 7 * PAGE, tries: 2 }, ok],
      [MERGE, no('EAGAIN', { offset: 7 * PAGE })],
      [MERGE, no('EAGAIN', { offset: 7 * PAGE })],
      [MERGE, yes({ merged: 1 })],
    ],
    counters: { merges_2m: 1, split_failed: 0 },
  },
  {
    rule: 'a poisoned page keeps its block from merging',
    policy: huge,
    steps: [
      ...boot(HUGE),
      [{ op: 'fallocate', offset: 0, size: HUGE }, ok],
      [SPLIT, yes({ split: 1 })],
      [{ op: 'poison', offset: 0 }, ok],
      [MERGE, yes({ merged: 0 })],
    ],
  },
];
