/**
 * Section 11: poison.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, no, ok, privately, punched, type Rule, yes } from './rule.js';

const SPLIT = { op: 'split', offset: 0, size: HUGE } as const;
const PIN = { op: 'pin', offset: 0, size: PAGE } as const;
const REFER = { op: 'pin', offset: 0, size: PAGE, kind: 'speculative' } as const;
const UNPIN = { op: 'unpin', offset: 0, size: PAGE } as const;
const PRIVATE = { op: 'attributes', gpa: 0, size: 4 * HUGE, to: 'private' } as const;
const SHARED_FILE = ['mmap', 'init-shared'];
const huge = { hugepages: '2M' } as const;

export const poison: readonly Rule[] = [
  {
    rule: 'poison: EINVAL, absent ENOENT, again ok; a later fault is EHWPOISON',
    steps: [
      ...boot(2 * PAGE),
      [PRIVATE, ok],
      [{ op: 'poison', offset: -PAGE }, no('EINVAL')],
      [{ op: 'poison', offset: 1 }, no('EINVAL')],
      [{ op: 'poison', offset: 2 * PAGE }, no('EINVAL')],
      [{ op: 'poison', offset: 0 }, no('ENOENT')],
      privately(0, 0),
      [{ op: 'poison', offset: 0 }, ok],
      [{ op: 'poison', offset: 0 }, ok],
      [{ op: 'fault', gpa: 0, access: 'private' }, no('EHWPOISON', { exit: 'memory-fault' })],
      [{ op: 'touch', gpa: 0, size: 2 * PAGE }, no('EHWPOISON', { exit: 'memory-fault', done: 0 })],
      [{ op: 'guest-read', gpa: 0, size: 1 }, no('EHWPOISON', { exit: 'memory-fault', done: 0 })],
    ],
    counters: { zaps_4k: 1, exits: 3 },
    pages: [{ index: 0, poisoned: true, pfn: 0, leaf: undefined }],
  },
  {
    rule: 'a poisoned frame is never used again',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'fallocate', offset: 0, size: 2 * PAGE }, ok],
      [{ op: 'poison', offset: 0 }, ok],
      punched(0, 2, 2),
      [{ op: 'fallocate', offset: 0, size: 2 * PAGE }, ok],
    ],
    counters: { host_pages_end: 3, folios_freed_4k: 2, stranded_pages_end: 509 },
    pages: [
      { index: 0, pfn: 1, poisoned: false },
      { index: 1, pfn: 2 },
    ],
  },
  {
    rule: 'pinned and poisoned: first an orphan, then out of use',
    steps: [
      ...boot(PAGE, SHARED_FILE),
      [PIN, ok],
      [{ op: 'poison', offset: 0 }, ok],
      punched(0, 1, 1),
      [UNPIN, ok],
      [{ op: 'fallocate', offset: 0, size: PAGE }, ok],
    ],
    counters: { host_pages_end: 2 },
    pages: [{ index: 0, pfn: 1 }],
  },
  {
    rule: 'poison folio: the whole 2M folio; snp: its 2M entry is psmashed',
    arch: 'snp',
    policy: huge,
    steps: [
      ...boot(HUGE),
      privately(0, 0, 9),
      [{ op: 'poison', offset: 5 * PAGE }, ok],
      [{ op: 'fault', gpa: 0, access: 'private' }, no('EHWPOISON', { exit: 'memory-fault' })],
    ],
    counters: { psmash: 1, zaps_2m: 1, splits_2m: 0 },
    pages: [{ index: 511, poisoned: true, order: 9 }],
  },
  {
    rule: 'poison page: the folio is split, its neighbours stay healthy',
    arch: 'snp',
    policy: { ...huge, poison: 'page' },
    steps: [
      ...boot(HUGE),
      privately(0, 0, 9),
      [{ op: 'poison', offset: 5 * PAGE }, ok],
      privately(4, 4),
      [{ op: 'fault', gpa: 5 * PAGE, access: 'private' }, no('EHWPOISON', { exit: 'memory-fault' })],
    ],
    counters: { psmash: 1, zaps_2m: 1, splits_2m: 1, split_distinct_2m: 1 },
  },
  {
    rule: 'poison page over a reference: a refused split, the whole folio is poisoned',
    policy: { ...huge, poison: 'page' },
    steps: [
      ...boot(HUGE),
      [{ op: 'fallocate', offset: 0, size: HUGE }, ok],
      [{ ...REFER, tries: 1 }, ok],
      [{ op: 'poison', offset: 5 * PAGE }, ok],
    ],
    counters: { split_failed: 1, splits_2m: 0 },
    pages: [{ index: 0, poisoned: true, pinned: false, order: 9 }],
  },
  {
    rule: 'poison of a page under a 2M RMP entry of split folios psmashes it',
    arch: 'snp',
    policy: huge,
    steps: [
      ...boot(HUGE),
      privately(0, 0, 9),
      [SPLIT, yes({ split: 1 })],
      privately(5, 5),
      privately(6, 6),
      [{ op: 'poison', offset: 5 * PAGE }, ok],
    ],
    counters: { psmash: 1, zaps_4k: 1 },
    pages: [
      { index: 6, leaf: 0, poisoned: false, rmp: { asid: 1, gfn: 6, order: 0, validated: false, immutable: false } },
    ],
  },
];
