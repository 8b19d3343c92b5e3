/**
 * Section 11: pin and unpin, gup pins and speculative references.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, converted, no, ok, punched, type Rule, shared, yes } from './rule.js';

const SPLIT = { op: 'split', offset: 0, size: HUGE } as const;
const PIN = { op: 'pin', offset: 0, size: PAGE } as const;
const REFER = { op: 'pin', offset: 0, size: PAGE, kind: 'speculative' } as const;
const UNPIN = { op: 'unpin', offset: 0, size: PAGE } as const;
const SHARED_FILE = ['mmap', 'init-shared'];
const huge = { hugepages: '2M' } as const;

export const pins: readonly Rule[] = [
  {
    rule: 'pin: arguments EINVAL; gup needs a shared, bound page inside the file',
    steps: [
      ...boot(2 * PAGE),
      [{ ...PIN, size: 0 }, no('EINVAL')],
      [{ ...PIN, offset: -PAGE }, no('EINVAL')],
      [{ ...PIN, offset: 1 }, no('EINVAL')],
      [{ ...PIN, size: 1 }, no('EINVAL')],
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'private' }, ok],
      [{ ...PIN, size: 2 * PAGE }, no('EFAULT', { done: 1 })],
      [{ ...PIN, offset: 2 * PAGE }, no('EFAULT', { done: 0 })],
      [{ op: 'create', gmem: 1, size: PAGE }, ok],
      [{ ...PIN, gmem: 1 }, no('EFAULT', { done: 0 })],
      [PIN, ok],
      [{ ...UNPIN, offset: PAGE }, no('EINVAL', { done: 0 })],
      [UNPIN, ok],
      [UNPIN, ok],
      [UNPIN, no('EINVAL', { done: 0 })],
    ],
    counters: { pages_cleared: 1, host_pages_end: 1 },
    pages: [{ index: 0, pinned: false, sharedPfn: 0 }],
  },
  {
    rule: 'pins forbid: gup EPERM after the arguments, speculative references still exist',
    policy: { pins: 'forbid' },
    steps: [
      ...boot(PAGE),
      [{ ...PIN, size: 1 }, no('EINVAL')],
      [PIN, no('EPERM')],
      [{ op: 'fallocate', offset: 0, size: PAGE }, ok],
      [REFER, ok],
    ],
    pages: [{ index: 0, pinned: true }],
  },
  {
    rule: 'gup on `mmap` files: the gmem page as a host access makes it; needs init-shared and a shared page',
    steps: [
      ...boot(PAGE, ['mmap']),
      [PIN, no('EFAULT', { done: 0 })],
      [{ op: 'create', gmem: 1, size: 2 * PAGE, flags: SHARED_FILE }, ok],
      [{ op: 'bind', slot: 1, gpa: PAGE, size: PAGE, gmem: 1 }, ok],
      [{ ...PIN, gmem: 1, size: 2 * PAGE }, ok],
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'private' }, ok],
      [{ ...PIN, gmem: 1 }, no('EFAULT', { done: 0 })],
      [{ op: 'poison', gmem: 1, offset: PAGE }, ok],
      [{ ...PIN, gmem: 1, offset: PAGE }, no('EFAULT', { done: 0 })],
    ],
    counters: { pages_cleared: 2, folios_allocated_4k: 2 },
    pages: [{ gmem: 1, index: 0, pinned: true, prepared: true }],
  },
  {
    rule: 'gup: ENOMEM with what was pinned before',
    memory: HUGE,
    policy: { sharedOrder: '4K' },
    steps: [...boot(2 * HUGE), [{ ...PIN, size: 2 * HUGE }, no('ENOMEM', { done: 512 })]],
  },
  {
    rule: 'speculative: absent or beyond the file ENOENT; tries 0 is gone at once; the larger of two stays',
    policy: huge,
    steps: [
      ...boot(2 * HUGE),
      [REFER, no('ENOENT', { done: 0 })],
      [{ op: 'fallocate', offset: 0, size: HUGE }, ok],
      [{ ...REFER, offset: HUGE - PAGE, size: 2 * PAGE }, no('ENOENT', { done: 1 })],
      [{ ...REFER, offset: 2 * HUGE }, no('ENOENT', { done: 0 })],
      [{ ...UNPIN, offset: HUGE - PAGE, kind: 'speculative' }, ok],
      [{ ...REFER, tries: 0 }, ok],
      [{ ...UNPIN, kind: 'speculative' }, no('EINVAL', { done: 0 })],
      [{ ...REFER, tries: 2 }, ok],
      [{ ...REFER, tries: 1 }, ok],
      [SPLIT, no('EAGAIN', { offset: 0 })],
      [SPLIT, no('EAGAIN', { offset: 0 })],
      [SPLIT, yes({ split: 1 })],
    ],
  },
  {
    rule: 'a pinned page that leaves its file is an orphan until the last unpin, oldest first',
    policy: { sharedOrder: '4K' },
    steps: [
      ...boot(PAGE, SHARED_FILE),
      [PIN, ok],
      [PIN, ok],
      punched(0, 1, 1),
      shared(0, 1),
      [PIN, ok],
      [UNPIN, ok],
      [{ op: 'fallocate', offset: 0, size: PAGE }, ok],
      [UNPIN, ok],
      [UNPIN, ok],
      [UNPIN, no('EINVAL', { done: 0 })],
    ],
    counters: { host_pages_peak: 2, host_pages_end: 1 },
    pages: [{ index: 0, pfn: 1, pinned: false }],
  },
  {
    rule: 'an orphan that was unmovable strands its block, one that was a copy does not',
    policy: { sharedOrder: '4K' },
    steps: [
      ...boot(PAGE),
      [PIN, ok],
      converted(0, 1, 'private'),
      [{ op: 'create', gmem: 1, size: PAGE, flags: SHARED_FILE }, ok],
      [{ ...PIN, gmem: 1 }, ok],
      [{ op: 'close', gmem: 1 }, ok],
    ],
    counters: { host_pages_end: 2, stranded_pages_end: 511, shared_copy_pages_peak: 1 },
    pages: [{ index: 0, sharedPfn: undefined, pinned: false }],
  },
  {
    rule: 'a freed 2M folio with one pinned page keeps that frame alone',
    policy: huge,
    steps: [
      ...boot(HUGE, SHARED_FILE),
      [{ ...PIN, offset: 3 * PAGE }, ok],
      punched(0, 512, 512),
      [{ ...UNPIN, offset: 3 * PAGE }, ok],
    ],
    counters: { folios_freed_2m: 1, host_pages_end: 0, host_pages_peak: 512 },
  },
  {
    rule: 'unpin reaches the latest closed file of an id while it holds a pin',
    steps: [
      ...boot(PAGE),
      [PIN, ok],
      [PIN, ok],
      [{ op: 'close' }, ok],
      [{ ...UNPIN, size: 1 }, no('EINVAL')],
      [UNPIN, ok],
      [{ ...UNPIN, kind: 'speculative' }, no('EINVAL', { done: 0 })],
      [{ op: 'bind', slot: 0, size: 0 }, ok],
      [{ op: 'create', size: PAGE }, ok],
      [UNPIN, no('EINVAL', { done: 0 })],
      [{ op: 'close' }, ok],
      [UNPIN, no('EBADF')],
    ],
    counters: { host_pages_end: 1 },
  },
  {
    rule: 'the last unpin of a closed file: its orphan is free, the id EBADF',
    steps: [...boot(PAGE, SHARED_FILE), [PIN, ok], [{ op: 'close' }, ok], [UNPIN, ok], [UNPIN, no('EBADF')]],
    counters: { host_pages_end: 0 },
  },
  {
    rule: 'a pin refuses the split of a 2M folio, for ever',
    policy: huge,
    steps: [
      ...boot(HUGE, SHARED_FILE),
      [PIN, ok],
      [SPLIT, no('EAGAIN', { offset: 0 })],
      [SPLIT, no('EAGAIN', { offset: 0 })],
      punched(9, 1, 0),
      [UNPIN, ok],
      punched(9, 1, 1, 1),
    ],
    counters: { split_failed: 3, splits_2m: 1 },
  },
];
