/**
 * Section 3: which frame comes next, host pressure, what counts as stranded.
 */
import { GiB, HUGE, MiB, PAGE } from '../run.js';
import { boot, no, ok, privately, type Rule, shared, yes } from './rule.js';

const ALL_PRIVATE = { op: 'attributes', gpa: 0, size: 16 * HUGE, to: 'private' } as const;

export const frames: readonly Rule[] = [
  {
    rule: 'order 0: lowest partial block of the own class, else lowest free block',
    policy: { sharedOrder: '4K' },
    steps: [
      ...boot(16 * HUGE),
      [{ op: 'attributes', gpa: 0, size: HUGE, to: 'private' }, ok],
      privately(0, 0),
      shared(512, 512),
      privately(1, 1),
      shared(513, 513),
      [{ op: 'punch', offset: 0, size: PAGE }, yes({ freed: 1, zeroed: 0, split: 0 })],
      privately(2, 0),
      privately(3, 2),
    ],
    counters: { stranded_pages_end: 512 - 3, host_pages_end: 5, host_pages_peak: 5 },
  },
  {
    rule: 'order 0: the last resort is the other class; a block loses its class when it is wholly free',
    policy: { sharedOrder: '4K' },
    memory: 2 * HUGE,
    steps: [
      ...boot(16 * HUGE),
      [{ op: 'attributes', gpa: 0, size: HUGE, to: 'private' }, ok],
      privately(0, 0),
      shared(512, 512),
      [{ op: 'fallocate', offset: 0, size: 512 * PAGE }, ok],
      [{ op: 'fallocate', offset: 4 * HUGE, size: PAGE }, ok],
      shared(514, 514),
      [{ op: 'punch', offset: 0, size: HUGE }, yes({ freed: 512, zeroed: 0, split: 0 })],
      shared(515, 515),
      [{ op: 'punch', offset: 4 * HUGE, size: PAGE }, yes({ freed: 1, zeroed: 0, split: 0 })],
      [{ op: 'convert', gpa: HUGE, size: HUGE, to: 'private' }, yes({ changed: 512, split: 0, merged: 0 })],
      privately(515, 0),
    ],
    counters: { host_pages_end: 1, stranded_pages_end: 511 },
  },
  {
    rule: 'order 0 refused: ENOMEM, nothing is named; touch says how far it came',
    policy: { sharedOrder: '4K' },
    memory: HUGE,
    steps: [
      ...boot(2 * HUGE),
      [{ op: 'touch', gpa: 0, size: 2 * HUGE }, no('ENOMEM', { done: 512 })],
      [{ op: 'fault', gpa: HUGE, access: 'shared' }, no('ENOMEM')],
    ],
    counters: { fallbacks: 0, exits: 0, host_pages_end: 512 },
  },
  {
    rule: 'order 9: a free block in a broken 1G region before one in a whole region',
    policy: { hugepages: '2M' },
    memory: 3 * GiB,
    steps: [
      ...boot(16 * HUGE),
      [ALL_PRIVATE, ok],
      [{ op: 'set', key: 'hugepages', value: 'off' }, ok],
      privately(0, 0),
      [{ op: 'set', key: 'hugepages', value: '2M' }, ok],
      privately(512, 512, 9),
      [{ op: 'punch', offset: 0, size: PAGE }, yes({ freed: 1, zeroed: 0, split: 0 })],
      privately(1024, 0, 9),
    ],
  },
  {
    rule: 'order 9: a last region that is cut short counts as broken',
    policy: { hugepages: '2M' },
    memory: GiB + 4 * HUGE,
    steps: [...boot(16 * HUGE), [ALL_PRIVATE, ok], privately(0, 262144, 9), privately(512, 262656, 9)],
  },
  {
    rule: 'memory is rounded down to 2M',
    memory: HUGE + PAGE,
    policy: { sharedOrder: '4K' },
    steps: [...boot(2 * HUGE), [{ op: 'fallocate', offset: 0, size: 2 * HUGE }, no('ENOMEM', { done: 512 })]],
  },
  {
    rule: 'pressure: order 0, 9 or 18, free and seed not negative',
    steps: [
      [{ op: 'pressure', order: 1, free: 0 }, no('EINVAL')],
      [{ op: 'pressure', order: 0, free: 0, seed: -1 }, no('EINVAL')],
      [{ op: 'pressure', order: 10, free: 0 }, no('EINVAL')],
      [{ op: 'pressure', order: 9, free: -1 }, no('EINVAL')],
      [{ op: 'pressure', order: 9, free: 0, seed: -1 }, no('EINVAL')],
      [{ op: 'pressure', order: 9, free: 40 }, ok],
      [{ op: 'pressure', order: 18, free: 0 }, ok],
    ],
    counters: { stranded_pages_end: 0, host_pages_end: 0, host_pages_peak: 0 },
  },
  {
    rule: 'pressure breaks every free block but `free` of them, for good',
    policy: { hugepages: '2M' },
    memory: 64 * MiB,
    steps: [
      [{ op: 'pressure', order: 9, free: 2, seed: 7 }, ok],
      ...boot(16 * HUGE),
      [ALL_PRIVATE, ok],
      [{ op: 'fallocate', offset: 0, size: 3 * HUGE }, ok],
      [{ op: 'pressure', order: 9, free: 0, seed: 7 }, ok],
    ],
    counters: {
      folios_allocated_2m: 2,
      folios_allocated_4k: 512,
      fallbacks: 1,
      stranded_pages_end: 30 * 511 - 512,
      host_pages_end: 3 * 512,
    },
  },
  {
    rule: 'pressure of order 18 takes one page of each complete free 1G region',
    memory: 2 * GiB + HUGE,
    policy: { hugepages: '2M' },
    steps: [[{ op: 'pressure', order: 18, free: 1, seed: 2 ** 40 + 5 }, ok]],
    counters: { stranded_pages_end: 511, host_pages_end: 0 },
  },
  {
    rule: 'pressure of order 0 leaves `free` pages, wherever they are',
    memory: 4 * HUGE,
    steps: [
      ...boot(4 * HUGE),
      [ALL_PRIVATE, ok],
      [{ op: 'fallocate', offset: 0, size: 300 * PAGE }, ok],
      [{ op: 'pressure', order: 0, free: 3, seed: 9 }, ok],
      [{ op: 'pressure', order: 0, free: 4, seed: 1 }, ok],
      [{ op: 'fallocate', offset: HUGE, size: HUGE }, no('ENOMEM', { done: 3 })],
    ],
    counters: { folios_allocated_4k: 303, fallbacks: 1, stranded_pages_end: 0, host_pages_end: 303 },
  },
  {
    rule: 'peaks: host pages, copies, and 64 modelled bytes a page',
    policy: { sharedOrder: 'thp' },
    steps: [
      ...boot(),
      shared(0, 0, 9),
      [{ op: 'convert', gpa: 0, size: HUGE, to: 'private' }, yes({ changed: 512, split: 0, merged: 0 })],
      privately(0, 0),
    ],
    counters: {
      host_pages_peak: 512,
      host_pages_end: 1,
      shared_copy_pages_peak: 512,
      metadata_bytes_modelled_peak: 512 * 64,
      stranded_pages_end: 511,
    },
  },
];
