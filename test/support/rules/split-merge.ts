/**
 * Section 17: splits and merges of folios of both sizes.
 */
import { HUGE, PAGE } from '../run.js';
import {
  allocated,
  GIANT,
  GIANT_MEMORY,
  giant,
  inPlace,
  natural,
  pinned,
  pool,
  referred,
  touched,
  turned,
} from './designs.js';
import { boot, no, ok, privately, type Rule, yes } from './rule.js';

const big = { policy: giant, memory: GIANT_MEMORY, contents: false } as const;
const SPLIT = { op: 'split', offset: 0, size: PAGE } as const;

export const splitMerge: readonly Rule[] = [
  {
    ...big,
    rule: '1G to 4K is one split; 1G to 2M one, and one more for a 2M folio that goes to 4K',
    arch: 'snp',
    steps: [
      ...boot(GIANT),
      allocated(PAGE),
      [{ ...SPLIT, order: 9 }, yes({ split: 1 })],
      [{ ...SPLIT, order: 9 }, yes({ split: 0 })],
      [{ ...SPLIT, offset: 5 * HUGE }, yes({ split: 1 })],
      [{ op: 'merge', offset: 0, size: GIANT, order: 18 }, yes({ merged: 1 })],
      [SPLIT, yes({ split: 1 })],
    ],
    counters: {
      splits_1g: 2,
      splits_2m: 1,
      merges_1g: 1,
      split_distinct_1g: 1,
      split_distinct_2m: 1,
      merge_distinct_1g: 1,
      folios_freed_1g: 0,
    },
    pages: [{ index: 2 ** 18 - 1, order: 0 }],
  },
  {
    ...big,
    rule: 'every leaf larger than the folios left is zapped; the RMP is not touched',
    arch: 'snp',
    steps: [
      ...boot(GIANT),
      touched(0),
      touched(512),
      [{ ...SPLIT, order: 9 }, yes({ split: 1 })],
      [SPLIT, yes({ split: 1 })],
    ],
    counters: { faults_2m: 2, zaps_2m: 1, psmash: 0 },
    pages: [
      { index: 0, leaf: undefined, order: 0 },
      { index: 512, leaf: 9, order: 9 },
    ],
  },
  {
    ...big,
    rule: 'a reference anywhere in a 1G folio refuses its split: EAGAIN, an attempt, offset not below the request',
    arch: 'snp',
    steps: [
      ...boot(GIANT),
      allocated(PAGE),
      referred(200_000, 1),
      [{ ...SPLIT, offset: HUGE }, no('EAGAIN', { offset: HUGE })],
      [{ ...SPLIT, offset: HUGE }, yes({ split: 1 })],
    ],
    counters: { split_failed: 1, splits_1g: 1 },
  },
  {
    ...big,
    rule: 'merge: blocks inside a larger folio are skipped, orders 9 and 18 only',
    arch: 'snp',
    steps: [
      ...boot(GIANT),
      allocated(PAGE),
      [{ op: 'merge', offset: 0, size: HUGE, order: 9 }, yes({ merged: 0 })],
      [SPLIT, yes({ split: 1 })],
      [{ op: 'merge', offset: 0, size: 3 * HUGE, order: 9 }, yes({ merged: 3 })],
      [{ op: 'merge', offset: 0, size: HUGE, order: 0 }, no('EINVAL')],
      [{ op: 'merge', offset: 0, size: HUGE, order: 10 }, no('EINVAL')],
      [{ op: 'merge', offset: PAGE, size: GIANT - PAGE, order: 18 }, yes({ merged: 0 })],
    ],
    counters: { merges_2m: 3 },
  },
  {
    rule: 'split order 9 without 1G, merge order 18 above the policy: EINVAL',
    policy: pool,
    steps: [
      ...boot(HUGE),
      [{ ...SPLIT, order: 9 }, no('EINVAL')],
      [{ op: 'merge', offset: 0, size: HUGE, order: 18 }, no('EINVAL')],
    ],
  },
  {
    rule: 'natural: split and merge EINVAL',
    policy: natural,
    steps: [...boot(HUGE), [SPLIT, no('EINVAL')], [{ op: 'merge', offset: 0, size: HUGE, order: 9 }, no('EINVAL')]],
  },
  {
    rule: 'in place a range with a shared page is not merged, one with a reference answers EAGAIN',
    policy: inPlace,
    arch: 'snp',
    steps: [
      ...boot(2 * HUGE),
      turned(3, 1, 'shared'),
      turned(515, 1, 'shared'),
      allocated(2 * HUGE),
      turned(515, 1, 'private'),
      referred(600, 1),
      [{ op: 'merge', offset: 0, size: 2 * HUGE, order: 9 }, no('EAGAIN', { offset: 600 * PAGE })],
      [{ op: 'merge', offset: 0, size: 2 * HUGE, order: 9 }, yes({ merged: 1 })],
    ],
    counters: { split_failed: 0, merges_2m: 1 },
    pages: [
      { index: 0, order: 0 },
      { index: 512, order: 9 },
    ],
  },
  {
    rule: 'a merge leaves leaves and RMP: no 2M mapping without promotion',
    policy: { ...inPlace, merge: 'eager' },
    arch: 'snp',
    steps: [
      ...boot(HUGE),
      privately(0, 0, 9),
      turned(0, 1, 'shared', { split: 1 }),
      privately(1, 1),
      turned(0, 1, 'private', { merged: 1 }),
      privately(2, 2, 9, 0),
    ],
    counters: { psmash: 1, promotions: 0 },
    pages: [{ index: 1, order: 9, leaf: 0 }],
  },
  {
    rule: 'poison page splits to 4K whatever splitTo says',
    policy: { ...giant, splitTo: 'minimal', poison: 'page' },
    memory: GIANT_MEMORY,
    contents: false,
    arch: 'snp',
    steps: [...boot(GIANT), allocated(PAGE), [{ op: 'poison', offset: HUGE }, ok]],
    counters: { splits_1g: 1, splits_2m: 0 },
    pages: [
      { index: 512, poisoned: true, order: 0 },
      { index: 513, poisoned: false, order: 0 },
    ],
  },
  {
    rule: 'poison page where nothing splits, or a reference refuses: the whole folio',
    policy: { ...natural, poison: 'page' },
    arch: 'snp',
    steps: [...boot(HUGE), touched(0), [{ op: 'poison', offset: PAGE }, ok]],
    counters: { psmash: 1, zaps_2m: 1, split_failed: 0 },
    pages: [{ index: 511, poisoned: true, order: 9 }],
  },
  {
    rule: 'poison page over a reference in place: the whole folio, and an attempt',
    policy: { ...inPlace, poison: 'page' },
    arch: 'snp',
    steps: [...boot(HUGE), touched(0), referred(9, 1), [{ op: 'poison', offset: PAGE }, ok]],
    counters: { split_failed: 1, splits_2m: 0 },
    pages: [
      { index: 0, poisoned: true, order: 9 },
      { index: 9, pinned: false },
    ],
  },
  {
    rule: 'a gup pin lasts: the pinned shared page is in a 4K folio, its neighbours merge only when it is unpinned',
    policy: { ...inPlace, merge: 'eager' },
    arch: 'snp',
    steps: [
      ...boot(HUGE, ['mmap']),
      turned(7, 1, 'shared'),
      pinned(7),
      [
        { op: 'convert', gpa: 7 * PAGE, size: PAGE, to: 'private' },
        no('EAGAIN', { changed: 0, split: 0, merged: 0, gpa: 7 * PAGE }),
      ],
      [{ op: 'unpin', offset: 7 * PAGE, size: PAGE }, ok],
      turned(7, 1, 'private', { merged: 1 }),
    ],
    counters: { convert_eagain: 1, merges_2m: 1, splits_2m: 1 },
  },
];
