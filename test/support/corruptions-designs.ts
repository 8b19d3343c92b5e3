/**
 * What can be wrong with pools, vmemmap, kinds in place and folios of 1G, one thing at a time, and the line verify() must
 * say.
 */
import { appendOp } from '../../lib/ops/encode.js';
import { OpStream } from '../../lib/ops/stream.js';
import { runOp } from '../../lib/reference/backend.js';
import { FRAME } from '../../lib/reference/frames.js';
import { type Block, type GmemFile, LEAF } from '../../lib/reference/model.js';
import { POOL_USE, type Pool } from '../../lib/reference/pool.js';
import { State } from '../../lib/reference/state.js';
import type { Arch, Knobs } from '../../lib/spec/knobs.js';
import { GIANT, GIANT_MEMORY, hvo, natural, naturalGiant } from './rules/designs.js';
import { HUGE, knobs, MiB, type Op, options, PAGE } from './run.js';

interface Parts {
  state: State;
  pool: Pool;
  file: GmemFile;
  /** Index 0. */
  first: Block;
}

/** A damaged engine: the policy and ops that make it, what is broken, and what verify() must say. */
export interface DesignCorruption {
  readonly name: string;
  readonly policy: Partial<Knobs>;
  readonly memory?: number;
  /** snp unless told. */
  readonly arch?: Arch;
  readonly ops: readonly Op[];
  readonly expected: RegExp;
  readonly corrupt: (parts: Parts) => void;
}

/** Runs the ops on a pool of its policy and takes the engine apart. */
export function partsOf({ policy, memory, ops, arch = 'snp' }: DesignCorruption): Parts {
  const state = new State(options({ arch, contents: false, knobs: knobs(policy), memoryBytes: memory ?? 64 * MiB }));
  const stream = new OpStream();
  for (const op of ops) appendOp(stream, op, []);
  ops.forEach(({ op }, i) => void runOp(state, op, stream.records.read(i)));
  const file = state.gmems.get(0) as GmemFile;
  return { state, pool: state.pool as Pool, file, first: file.blocks.get(0) as Block };
}

/** Two huge pages reserved; one present, with page 3 shared. */
const guest: readonly Op[] = [
  { op: 'create', size: 2 * HUGE, flags: ['mmap'] },
  { op: 'bind', slot: 0, size: 2 * HUGE },
  { op: 'touch', gpa: 0 },
  { op: 'convert', gpa: 3 * PAGE, size: PAGE, to: 'shared' },
  { op: 'pin', offset: 3 * PAGE, size: PAGE },
];
const split = { policy: hvo, ops: guest } as const;
const recorded = { policy: natural, ops: guest } as const;
const giant = {
  policy: naturalGiant,
  memory: GIANT_MEMORY,
  ops: [
    { op: 'create', size: GIANT, flags: ['init-shared'] },
    { op: 'bind', slot: 0, size: GIANT },
    { op: 'touch', gpa: 0 },
  ],
} as const;

export const DESIGN_CORRUPTIONS: readonly DesignCorruption[] = [
  { ...split, name: 'use', expected: /huge page 0 is free/, corrupt: ({ pool }) => void pool.use.fill(0, 0, 1) },
  {
    ...split,
    name: 'a count of uses',
    expected: /huge pages lost: 0, counted 2/,
    corrupt: ({ pool }) => {
      pool.inUse[POOL_USE.lost] = 2;
    },
  },
  {
    ...split,
    name: 'a reservation',
    expected: /7 huge pages reserved, files want 1/,
    corrupt: ({ pool }) => {
      pool.reserved = 7;
    },
  },
  {
    ...split,
    name: 'lost vmemmap',
    expected: /vmemmap frames/,
    corrupt: ({ pool }) => void pool.vmemmap.get(0)?.pop(),
  },
  {
    ...split,
    name: 'vmemmap that is none',
    expected: /a vmemmap frame is none/,
    corrupt: ({ pool, state }) => state.frames.become(pool.vmemmap.get(0)?.[0] as number, FRAME.free),
  },
  {
    ...split,
    name: 'a pool frame for the allocator',
    expected: /is free, it belongs to the pool/,
    corrupt: ({ state }) => state.frames.become(5 * 512, FRAME.free),
  },
  {
    ...split,
    name: 'a pool frame outside the pool',
    expected: /is pool, it does not belong/,
    corrupt: ({ state }) => state.frames.become(16_000, FRAME.pool),
  },
  {
    ...split,
    name: 'a file on a part of a huge page',
    expected: /huge page 0 has 511 pages of a file/,
    corrupt: ({ first }) => void first.pfn.fill(0xffffffff, 9, 10),
  },
  {
    ...split,
    name: 'a page at another place of its huge page',
    expected: /at another place/,
    corrupt: ({ first }) => void first.pfn.reverse(),
  },
  {
    ...split,
    name: 'a huge folio with a shared page',
    expected: /a 2M folio with a shared page/,
    corrupt: ({ first }) => {
      first.order = 9;
    },
  },
  {
    ...split,
    name: 'a pinned private page',
    expected: /private and pinned/,
    corrupt: ({ file }) => file.kinds.set(3, 4, 'private'),
  },
  {
    ...split,
    name: 'a shared page that is assigned',
    expected: /is shared/,
    corrupt: ({ state }) => void state.rmp.makePrivate4k(3, 1, 3),
  },
  {
    ...split,
    name: 'kinds of the VM',
    expected: /keeps kinds, its files do/,
    corrupt: ({ file }) => file.vm.kinds.set(1, 2, 'shared'),
  },
  {
    ...split,
    name: 'kinds out of order',
    expected: /kinds out of order/,
    corrupt: ({ file }) => void file.kinds.flips.push(1),
  },
  {
    ...split,
    name: 'a copy in place',
    expected: /has copies in place/,
    corrupt: ({ first }) => void first.copy.fill(16_000, 3, 4),
  },
  {
    ...split,
    name: 'retained in place',
    expected: /retained pages/,
    corrupt: ({ file }) => void file.retained.add(1),
  },
  {
    ...split,
    name: 'a metadata peak below the present',
    expected: /metadata peak is 1/,
    corrupt: ({ state }) => {
      state.tally.metadata_bytes_modelled_peak = 1;
    },
  },
  {
    ...recorded,
    name: 'a record of what is not shared',
    expected: /is recorded as shared and is not/,
    corrupt: ({ file }) => void file.sharedRanges.set(9, 10),
  },
  {
    ...recorded,
    name: 'shared without a record',
    expected: /1 shared pages, 0 recorded/,
    corrupt: ({ file }) => file.sharedRanges.clear(),
  },
  {
    ...giant,
    name: 'a 1G folio with a smaller one inside',
    expected: /no 1G folio there/,
    corrupt: ({ file }) => {
      (file.blocks.get(7) as Block).order = 9;
    },
  },
  {
    ...giant,
    name: 'half a 1G leaf',
    expected: /511 pages of a 1G leaf/,
    corrupt: ({ first }) => {
      first.leaf[0] = LEAF.none;
    },
  },
  {
    ...giant,
    name: '1G faults',
    expected: /1G leaves: counters say 2/,
    corrupt: ({ state }) => {
      state.tally.faults_1g += 1;
    },
  },
  {
    ...giant,
    name: '1G splits',
    expected: /1G folios: counters say 0/,
    corrupt: ({ state }) => {
      state.tally.splits_1g += 1;
    },
  },
];
