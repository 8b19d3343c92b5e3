/**
 * Section 8: fallocate and punch.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, no, ok, privately, punched, type Rule, shared, yes } from './rule.js';

const PRIVATE = { op: 'attributes', gpa: 0, size: 4 * HUGE, to: 'private' } as const;
const NOTHING = yes({ freed: 0, zeroed: 0, split: 0 });

export const punch: readonly Rule[] = [
  {
    rule: 'fallocate: EINVAL for empty, negative, unaligned, beyond the file; idempotent; neither clears nor marks',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'fallocate', offset: 0, size: 0 }, no('EINVAL')],
      [{ op: 'fallocate', offset: 0, size: -PAGE }, no('EINVAL')],
      [{ op: 'fallocate', offset: -PAGE, size: PAGE }, no('EINVAL')],
      [{ op: 'fallocate', offset: 1, size: PAGE }, no('EINVAL')],
      [{ op: 'fallocate', offset: 0, size: PAGE + 1 }, no('EINVAL')],
      [{ op: 'fallocate', offset: PAGE, size: 2 * PAGE }, no('EINVAL')],
      [{ op: 'fallocate', offset: 2 * PAGE, size: PAGE }, no('EINVAL')],
      [{ op: 'fallocate', offset: PAGE, size: PAGE }, ok],
      [{ op: 'fallocate', offset: 0, size: 2 * PAGE }, ok],
    ],
    counters: { folios_allocated_4k: 2, pages_cleared: 0, prepares: 0 },
    pages: [
      { index: 1, pfn: 0, prepared: false },
      { index: 0, pfn: 1, prepared: false },
    ],
  },
  {
    rule: 'fallocate: ENOMEM with the pages of the range that are present',
    memory: HUGE,
    steps: [
      ...boot(4 * HUGE),
      [{ op: 'fallocate', offset: HUGE, size: PAGE }, ok],
      [{ op: 'fallocate', offset: HUGE, size: 2 * HUGE }, no('ENOMEM', { done: 512 })],
      [{ op: 'fallocate', offset: 0, size: PAGE }, no('ENOMEM', { done: 0 })],
    ],
    counters: { fallbacks: 2, folios_allocated_4k: 512 },
  },
  {
    rule: 'fallocate of an absurdly large file runs out of memory, not out of time',
    memory: 8 * HUGE,
    policy: { hugepages: '2M' },
    steps: [
      [{ op: 'create', size: 2 ** 52 }, ok],
      [{ op: 'fallocate', offset: 2 ** 51, size: 2 ** 51 }, no('ENOMEM', { done: 8 * 512 })],
      [{ op: 'punch', offset: 0, size: 2 ** 52 }, yes({ freed: 8 * 512, zeroed: 0, split: 0 })],
    ],
    counters: { folios_freed_2m: 8, fallbacks: 2 },
  },
  {
    rule: 'punch: EINVAL for empty, negative, unaligned; beyond the file is ok and does nothing',
    steps: [
      ...boot(2 * PAGE),
      [PRIVATE, ok],
      privately(1, 0),
      [{ op: 'punch', offset: 0, size: 0 }, no('EINVAL')],
      [{ op: 'punch', offset: 0, size: -PAGE }, no('EINVAL')],
      [{ op: 'punch', offset: -PAGE, size: PAGE }, no('EINVAL')],
      [{ op: 'punch', offset: 1, size: PAGE }, no('EINVAL')],
      [{ op: 'punch', offset: 0, size: PAGE - 1 }, no('EINVAL')],
      [{ op: 'punch', offset: 2 * PAGE, size: PAGE }, NOTHING],
      [{ op: 'punch', offset: 2 ** 52, size: PAGE }, NOTHING],
      [{ op: 'punch', offset: PAGE, size: 2 ** 52 }, yes({ freed: 1, zeroed: 0, split: 0 })],
    ],
    counters: { zaps_4k: 1, folios_freed_4k: 1 },
  },
  {
    rule: 'punch zaps in every slot and of either kind, also where no page is freed',
    steps: [
      [{ op: 'create', size: 2 * PAGE }, ok],
      [{ op: 'bind', slot: 0, gpa: 0, size: PAGE }, ok],
      [{ op: 'bind', slot: 1, gpa: HUGE, size: PAGE, offset: PAGE }, ok],
      shared(0, 0),
      [{ op: 'attributes', gpa: HUGE, size: PAGE, to: 'private' }, ok],
      privately(512, 512),
      punched(0, 2, 1),
    ],
    counters: { zaps_4k: 2, folios_freed_4k: 1, host_pages_end: 1 },
    pages: [{ index: 0, sharedPfn: 0, leaf: undefined }],
  },
  {
    rule: 'punch of a whole 2M folio: no split, one 2M RMPUPDATE',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [...boot(2 * HUGE), privately(0, 0, 9), punched(0, 1024, 512)],
    counters: { splits_2m: 0, psmash: 0, rmpupdate_2m: 2, rmpupdate_4k: 0, folios_freed_2m: 1, zaps_2m: 1 },
  },
  {
    rule: 'punch of a part splits: the others keep marks and RMP, the entry is psmashed once',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [...boot(HUGE), privately(0, 0, 9), punched(100, 3, 3, 1), punched(103, 1, 1)],
    counters: {
      splits_2m: 1,
      split_distinct_2m: 1,
      psmash: 1,
      rmpupdate_4k: 4,
      rmpupdate_2m: 1,
      folios_freed_4k: 4,
      folios_freed_2m: 0,
      zaps_2m: 1,
    },
    pages: [
      { index: 99, order: 0, prepared: true, rmp: { asid: 1, gfn: 99, order: 0, validated: false, immutable: false } },
      { index: 100, order: undefined, pfn: undefined, prepared: false, rmp: undefined },
    ],
  },
  {
    rule: 'a 2M RMP entry under split folios that leaves whole takes one 2M update',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(HUGE),
      privately(0, 0, 9),
      [{ op: 'split', offset: 0, size: PAGE }, yes({ split: 1 })],
      punched(0, 512, 512),
    ],
    counters: { psmash: 0, rmpupdate_2m: 2, rmpupdate_4k: 0, folios_freed_4k: 512, zaps_2m: 1 },
  },
  {
    rule: 'split twice, one distinct range',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(HUGE),
      [{ op: 'fallocate', offset: 0, size: HUGE }, ok],
      punched(0, 1, 1, 1),
      punched(0, 512, 511),
      [{ op: 'fallocate', offset: 0, size: HUGE }, ok],
      punched(511, 1, 1, 1),
    ],
    counters: { splits_2m: 2, split_distinct_2m: 1, folios_allocated_2m: 2 },
  },
  {
    rule: 'a range over several folios: both ends split, the middle freed whole',
    policy: { hugepages: '2M' },
    steps: [...boot(3 * HUGE), [{ op: 'fallocate', offset: 0, size: 3 * HUGE }, ok], punched(1, 1534, 1534, 2)],
    counters: { splits_2m: 2, folios_freed_2m: 1, folios_freed_4k: 1022 },
  },
  {
    rule: 'a refused split: a folio without a mark is dropped whole, one with a mark stays; leaves are zapped',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(2 * HUGE),
      [{ op: 'fallocate', offset: 0, size: 2 * HUGE }, ok],
      [{ op: 'pin', offset: PAGE, size: PAGE, kind: 'speculative', tries: 9 }, ok],
      punched(5, 1, 512),
      [PRIVATE, ok],
      privately(512, 512, 9),
      [{ op: 'pin', offset: HUGE, size: PAGE, kind: 'speculative', tries: 9 }, ok],
      punched(517, 1, 0),
    ],
    counters: { split_failed: 2, splits_2m: 0, folios_freed_2m: 1, zaps_2m: 1, host_pages_end: 512 },
    pages: [
      { index: 0, pfn: undefined, pinned: false },
      { index: 517, order: 9, prepared: true, leaf: undefined },
    ],
  },
  {
    rule: 'vmmPunch whole-folio: shrunk to huge blocks, the end of the file counts as a boundary',
    policy: { hugepages: '2M', vmmPunch: 'whole-folio' },
    steps: [
      ...boot(2 * HUGE + 2 * PAGE),
      [{ op: 'fallocate', offset: 0, size: 2 * HUGE + 2 * PAGE }, ok],
      punched(1, 511, 0),
      punched(0, 511, 0),
      punched(1, 1023, 512),
      punched(1, 1025, 2),
      [{ op: 'punch', offset: PAGE, size: 2 ** 40 }, NOTHING],
      [{ op: 'punch', offset: 0, size: 2 ** 40 }, yes({ freed: 512, zeroed: 0, split: 0 })],
    ],
    counters: { splits_2m: 0 },
  },
  {
    rule: 'vmmPunch whole-folio with 4K folios changes nothing',
    policy: { vmmPunch: 'whole-folio' },
    steps: [...boot(HUGE), [{ op: 'fallocate', offset: 0, size: HUGE }, ok], punched(1, 1, 1)],
  },
  {
    rule: 'vmmPunch never: nothing is punched, arguments are still checked',
    policy: { vmmPunch: 'never' },
    steps: [
      ...boot(HUGE),
      [PRIVATE, ok],
      privately(0, 0),
      [{ op: 'punch', offset: 1, size: PAGE }, no('EINVAL')],
      punched(0, 1, 0),
    ],
    counters: { zaps_4k: 0, host_pages_end: 1 },
  },
  {
    rule: 'vmmPunch never: the folio a hole lies in is not split',
    policy: { hugepages: '2M', vmmPunch: 'never' },
    steps: [...boot(HUGE), [{ op: 'fallocate', offset: 0, size: HUGE }, ok], punched(5, 3, 0)],
    counters: { splits_2m: 0 },
    pages: [{ index: 5, order: 9 }],
  },
  {
    rule: 'a huge range over a sparse file reaches the blocks inside it and no other, ascending',
    steps: [
      [{ op: 'create', size: 2 ** 44 }, ok],
      ...[0, 4, 2, 3].map((block) => [{ op: 'fallocate', offset: block * 2 ** 40, size: PAGE }, ok] as const),
      [{ op: 'punch', offset: 2 ** 40, size: 2 * 2 ** 40 }, yes({ freed: 1, zeroed: 0, split: 0 })],
    ],
    pages: [
      { index: 0, pfn: 0 },
      { index: 2 * 2 ** 28, pfn: undefined },
      { index: 3 * 2 ** 28, pfn: 3 },
      { index: 4 * 2 ** 28, pfn: 1 },
    ],
  },
];
