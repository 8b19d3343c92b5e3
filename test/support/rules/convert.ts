/**
 * Section 9: conversion by discard.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, converted, no, ok, privately, type Rule, shared, yes } from './rule.js';

const CONVERT = { op: 'convert', gpa: 0, size: PAGE, to: 'private' } as const;
const SAME = yes({ changed: 0, split: 0, merged: 0 });

export const convert: readonly Rule[] = [
  {
    rule: 'convert: EBADF, EINVAL, then EOPNOTSUPP for a content; refused ones are no converts',
    steps: [
      [{ op: 'destroy', vm: 1 }, ok],
      [{ ...CONVERT, vm: 1, size: 1 }, no('EBADF')],
      [{ ...CONVERT, size: 0, content: 'zero' }, no('EINVAL')],
      [{ ...CONVERT, size: -PAGE }, no('EINVAL')],
      [{ ...CONVERT, gpa: -PAGE }, no('EINVAL')],
      [{ ...CONVERT, gpa: 1 }, no('EINVAL')],
      [{ ...CONVERT, size: 1 }, no('EINVAL')],
      [{ ...CONVERT, content: 'zero' }, no('EOPNOTSUPP')],
      [{ ...CONVERT, content: 'preserve' }, no('EOPNOTSUPP')],
    ],
    counters: { converts: 0, exits: 0, converted_pages: 0 },
  },
  {
    rule: 'convert of unbound memory only changes attributes; a second one changes nothing and still counts',
    steps: [
      converted(0, 8, 'private'),
      [{ ...CONVERT, size: 16 * PAGE }, yes({ changed: 8, split: 0, merged: 0 })],
      [CONVERT, SAME],
    ],
    counters: { converts: 3, exits: 3, converted_pages: 16 },
  },
  {
    rule: 'to shared punches the private pages, to private drops the copies',
    policy: { sharedOrder: '4K' },
    steps: [
      ...boot(2 * PAGE),
      shared(0, 0),
      shared(1, 1),
      converted(0, 1, 'private'),
      privately(0, 512),
      converted(0, 1, 'shared'),
      shared(0, 0),
    ],
    counters: { folios_freed_4k: 1, zaps_4k: 2, faults_4k: 4, host_pages_end: 2, pages_cleared: 4 },
    pages: [{ index: 0, pfn: undefined, sharedPfn: 0, kind: 'shared' }],
  },
  {
    rule: 'a 2M copy hit in part becomes small pages; that is no split',
    steps: [...boot(HUGE), shared(0, 0, 9), converted(5, 1, 'private'), shared(6, 6), privately(5, 512)],
    counters: { splits_2m: 0, zaps_2m: 1, host_pages_end: 512 },
    pages: [
      { index: 4, sharedPfn: 4 },
      { index: 5, sharedPfn: undefined, pfn: 512 },
    ],
  },
  {
    rule: 'to shared of a part of a 2M folio splits it',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(2 * HUGE),
      privately(0, 0, 9),
      privately(512, 512, 9),
      converted(511, 2, 'shared', 2),
      privately(0, 0),
    ],
    counters: { splits_2m: 2, psmash: 2, rmpupdate_4k: 2, zaps_2m: 2, converted_pages: 2, prepares: 2 },
  },
  {
    rule: 'to shared of a whole 2M folio frees it',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [...boot(HUGE), privately(0, 0, 9), converted(0, 512, 'shared'), shared(0, 0, 9)],
    counters: { splits_2m: 0, rmpupdate_2m: 2, folios_freed_2m: 1, faults_2m: 2, shared_copy_pages_peak: 512 },
  },
  {
    rule: 'keepShared: the copies survive to-private, with their bytes',
    policy: { keepShared: true },
    steps: [
      ...boot(PAGE),
      [{ op: 'guest-write', gpa: 0, size: 1, byte: 8 }, ok],
      converted(0, 1, 'private'),
      privately(0, 512),
      converted(0, 1, 'shared'),
      [{ op: 'guest-read', gpa: 0, size: 1 }, yes({ byte: 8 })],
    ],
    counters: { shared_copy_pages_peak: 1, pages_cleared: 2, host_pages_peak: 2 },
  },
  {
    rule: 'drop and punch happen even when nothing changed, and the punch zaps shared leaves too',
    steps: [
      ...boot(2 * PAGE),
      shared(0, 0),
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'private' }, ok],
      privately(0, 512),
      [CONVERT, SAME],
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'shared' }, ok],
      shared(0, 0),
      [{ ...CONVERT, to: 'shared' }, SAME],
    ],
    counters: { zaps_4k: 3, faults_4k: 3, pages_cleared: 3, folios_freed_4k: 1, host_pages_end: 1 },
  },
  {
    rule: 'slot by slot: each file loses its part of the range',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'create', gmem: 1, size: 2 * PAGE }, ok],
      [{ op: 'bind', slot: 1, gpa: 4 * PAGE, size: 2 * PAGE, gmem: 1 }, ok],
      converted(0, 8, 'private'),
      privately(0, 0),
      privately(1, 1),
      privately(4, 2),
      privately(5, 3),
      converted(1, 4, 'shared'),
    ],
    counters: { folios_freed_4k: 2, zaps_4k: 2 },
    pages: [
      { index: 0, pfn: 0 },
      { index: 1, pfn: undefined },
      { gmem: 1, index: 0, pfn: undefined },
      { gmem: 1, index: 1, pfn: 3 },
    ],
  },
  {
    rule: '`mmap` files: to shared punches gmem, to private drops nothing',
    steps: [
      ...boot(PAGE, ['mmap', 'init-shared']),
      [{ op: 'host-write', offset: 0, size: PAGE, byte: 2 }, ok],
      converted(0, 1, 'private'),
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 2 })],
      converted(0, 1, 'shared'),
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 0 })],
    ],
    counters: { folios_freed_4k: 1 },
  },
  {
    rule: 'closed files: to private drops their copies, to shared has nothing to punch',
    steps: [
      ...boot(PAGE),
      [{ op: 'guest-write', gpa: 0, size: 1, byte: 3 }, ok],
      [{ op: 'close' }, ok],
      [{ op: 'guest-read', gpa: 0, size: 1 }, yes({ byte: 3 })],
      converted(0, 1, 'private'),
      converted(0, 1, 'shared'),
      [{ op: 'guest-read', gpa: 0, size: 1 }, yes({ byte: 0 })],
    ],
    counters: { host_pages_end: 1 },
  },
  {
    rule: 'vmmPunch decides what to-shared frees: never keeps the private page, and its bytes',
    policy: { vmmPunch: 'never' },
    steps: [
      ...boot(PAGE),
      converted(0, 1, 'private'),
      [{ op: 'guest-write', gpa: 0, size: 1, byte: 3 }, ok],
      converted(0, 1, 'shared'),
      shared(0, 512),
      converted(0, 1, 'private'),
      [{ op: 'guest-read', gpa: 0, size: 1 }, yes({ byte: 3 })],
    ],
    counters: { folios_freed_4k: 0, pages_cleared: 2 },
  },
  {
    rule: 'vmmPunch whole-folio: a part of a folio stays, unsplit',
    policy: { hugepages: '2M', vmmPunch: 'whole-folio' },
    steps: [
      ...boot(2 * HUGE),
      converted(0, 1024, 'private'),
      privately(0, 0, 9),
      privately(512, 512, 9),
      converted(0, 513, 'shared'),
      privately(513, 513, 9, 0),
    ],
    counters: { splits_2m: 0, folios_freed_2m: 1, zaps_2m: 2 },
  },
];
