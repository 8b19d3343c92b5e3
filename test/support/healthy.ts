/**
 * A healthy reference engine with a bit of everything, taken apart for the tests that break it.
 */
import assert from 'node:assert/strict';
import { appendOp } from '../../lib/ops/encode.js';
import { OpStream } from '../../lib/ops/stream.js';
import { runOp } from '../../lib/reference/backend.js';
import type { Block, GmemFile, Slot, Vm } from '../../lib/reference/model.js';
import { State } from '../../lib/reference/state.js';
import { verify } from '../../lib/reference/verify/verify.js';
import type { Arch } from '../../lib/spec/knobs.js';
import { HUGE, knobs, type Op, options, PAGE } from './run.js';

/** Files, folios, leaves, copies, pins and poison of every sort, rightly made. */
function healthy(arch: Arch): State {
  const state = new State(options({ arch, knobs: knobs({ hugepages: '2M', sharedOrder: '4K' }) }));
  const flags = arch === 'none' ? ['mmap', 'init-shared'] : [];
  run(state, [
    { op: 'create', size: 4 * HUGE },
    { op: 'bind', slot: 0, size: 4 * HUGE },
    { op: 'attributes', gpa: 0, size: 2 * HUGE, to: 'private' },
    { op: 'touch', gpa: 0 },
    { op: 'touch', gpa: HUGE, size: 2 * PAGE },
    { op: 'punch', offset: HUGE, size: PAGE },
    { op: 'touch', gpa: HUGE + 2 * PAGE },
    { op: 'attributes', gpa: 2 * HUGE, size: 2 * HUGE, to: 'shared' },
    { op: 'touch', gpa: 2 * HUGE, size: 2 * PAGE },
    { op: 'pin', offset: 2 * HUGE, size: PAGE },
    { op: 'convert', gpa: 2 * HUGE, size: PAGE, to: 'private' },
    { op: 'create', gmem: 1, size: HUGE, flags },
    { op: 'fallocate', gmem: 1, offset: 0, size: PAGE },
    { op: 'guest-write', gpa: PAGE, size: 1, byte: 1 },
    { op: 'poison', offset: HUGE + 9 * PAGE },
  ]);
  assert.deepEqual(verify(state), []);
  return state;
}

function run(state: State, ops: readonly Op[]): void {
  const stream = new OpStream();
  for (const op of ops) appendOp(stream, op, []);
  ops.forEach(({ op }, i) => {
    assert.equal(runOp(state, op, stream.records.read(i)).errno, undefined, `op ${i}`);
  });
}

export interface Parts {
  state: State;
  vm: Vm;
  file: GmemFile;
  other: GmemFile;
  slot: Slot;
  /** A prepared 2M folio under a 2M leaf. */
  whole: Block;
  /** What a punch left of one. */
  broken: Block;
  /** Copies. */
  copied: Block;
}

export function parts(arch: Arch): Parts {
  const state = healthy(arch);
  const file = state.gmems.get(0) as GmemFile;
  return {
    state,
    vm: state.vms.get(0) as Vm,
    file,
    other: state.gmems.get(1) as GmemFile,
    slot: file.slots[0] as Slot,
    whole: file.blocks.get(0) as Block,
    broken: file.blocks.get(1) as Block,
    copied: file.blocks.get(2) as Block,
  };
}

/** Something broken in the healthy engine, and what verify() must say about it. */
export type Corruption = readonly [name: string, arch: Arch, expected: RegExp, corrupt: (parts: Parts) => void];
