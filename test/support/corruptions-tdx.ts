/**
 * What can be wrong with the S-EPT and with deferred merges, one thing at a time, and the line verify() must say.
 */

import { LEAF, SEPT } from '../../lib/reference/model.js';
import type { DesignCorruption } from './corruptions-designs.js';
import { inPlace } from './rules/designs.js';
import { HUGE, type Op, PAGE } from './run.js';

const boot: readonly Op[] = [
  { op: 'create', size: 2 * HUGE },
  { op: 'bind', slot: 0, size: 2 * HUGE },
];

/** Block 0 under one private 2M leaf, in block 1 one accepted page. */
const tdx = {
  arch: 'tdx',
  policy: { hugepages: '2M', poison: 'page' },
  ops: [...boot, { op: 'touch', gpa: 0 }, { op: 'validate', gpa: HUGE, size: PAGE }],
} as const;

/** Both huge ranges wait. */
const waiting = {
  policy: { ...inPlace, merge: 'deferred' },
  ops: [
    ...boot,
    { op: 'convert', gpa: 0, size: 2 * HUGE, to: 'shared' },
    { op: 'convert', gpa: 0, size: 2 * HUGE, to: 'private' },
  ] as Op[],
} as const;

export const TDX_CORRUPTIONS: readonly DesignCorruption[] = [
  {
    ...tdx,
    name: 'a private leaf the S-EPT does not have',
    expected: /index 3: no S-EPT entry, a private leaf/,
    corrupt: ({ first }) => void first.sept.fill(SEPT.none, 3, 4),
  },
  {
    ...tdx,
    name: 'an accepted page without a leaf',
    expected: /index 515: an S-EPT entry, accepted, no private leaf/,
    corrupt: ({ file }) => void file.blocks.get(1)?.sept.fill(SEPT.accepted, 3, 4),
  },
  {
    ...tdx,
    name: 'a shared page under an S-EPT entry',
    expected: /index 512: an S-EPT entry, accepted, no private leaf/,
    corrupt: ({ file }) => file.vm.kinds.set(512, 513, 'shared'),
  },
  {
    ...tdx,
    name: 'a 2M leaf accepted in part',
    expected: /index 0: a private 2M leaf accepted in part/,
    corrupt: ({ first }) => void first.sept.fill(SEPT.accepted, 9, 10),
  },
  {
    ...tdx,
    name: 'a private leaf beyond 2M',
    expected: /index 0: a private leaf of 1G/,
    corrupt: ({ first }) => void first.leaf.fill(LEAF.giant),
  },
  {
    ...tdx,
    name: '4K leaves inside a 2M one',
    expected: /511 pages of a 2M leaf/,
    corrupt: ({ first }) => void first.leaf.fill(LEAF.small, 7, 8),
  },
  ...(['sept_add', 'sept_aug', 'sept_demote', 'sept_promote', 'sept_remove'] as const).map((name) => ({
    ...tdx,
    name: `the counter ${name}`,
    expected: /private leaves: sept_\* counters say -?\d+, there are 2/,
    corrupt: ({ state }: Parameters<DesignCorruption['corrupt']>[0]) => {
      state.tally[name] += 1;
    },
  })),
  {
    ...tdx,
    name: 'removals without zaps',
    expected: /sept_remove: 1 of 0 zaps/,
    corrupt: ({ state }) => {
      state.tally.sept_remove += 1;
    },
  },
  {
    ...tdx,
    name: 'leaves of a VM that has not run',
    expected: /vm 0 has leaves, and has neither been populated nor run/,
    corrupt: ({ file }) => {
      file.vm.finalized = false;
    },
  },
  {
    ...tdx,
    name: 'a promotion nobody asked for',
    expected: /promotions: counters say 1, there are 0/,
    corrupt: ({ state }) => {
      state.tally.promotions += 1;
    },
  },
  {
    ...waiting,
    name: 'a deferred merge of a closed file',
    expected: /deferred merge of gmem 0 index 0: its file is closed/,
    corrupt: ({ file }) => {
      file.open = false;
    },
  },
  {
    ...waiting,
    name: 'a deferred merge that is overdue',
    expected: /index 512: due at 1028, this is op 1028/,
    corrupt: ({ state }) => {
      state.opsRun = 1028;
    },
  },
  {
    ...waiting,
    name: 'deferred merges out of order',
    expected: /index 512: out of order/,
    corrupt: ({ state }) => {
      state.deferred = state.deferred.map((entry, i) => ({ ...entry, due: entry.due - i }));
    },
  },
  {
    ...waiting,
    name: 'a deferred merge twice',
    expected: /index 0: twice/,
    corrupt: ({ state }) => void state.deferred.push(...state.deferred.slice(0, 1)),
  },
  {
    ...waiting,
    name: 'a deferred merge of a part',
    expected: /index 1: no huge range/,
    corrupt: ({ state }) => {
      state.deferred = state.deferred.map((entry) => ({ ...entry, first: entry.first + 1 }));
    },
  },
];
