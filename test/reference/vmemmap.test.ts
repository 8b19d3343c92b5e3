/**
 * hvo when the buddy allocator has no frames for vmemmap. A carved pool always leaves enough of them, so the tests take
 * them by hand.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { appendOp } from '../../lib/ops/encode.js';
import { OpStream } from '../../lib/ops/stream.js';
import { runOp } from '../../lib/reference/backend.js';
import { FRAME, NO_FRAME } from '../../lib/reference/frames.js';
import type { Reply } from '../../lib/reference/reply.js';
import { State } from '../../lib/reference/state.js';
import { verify } from '../../lib/reference/verify/verify.js';
import type { Knobs } from '../../lib/spec/knobs.js';
import { hvo } from '../support/rules/designs.js';
import { HUGE, knobs, type Op, options, PAGE } from '../support/run.js';

/** A guest of four huge pages, the first two present, and `left` frames in the buddy allocator. */
function guest(left: number, differing: Partial<Knobs> = {}): State {
  const state = new State(options({ arch: 'snp', knobs: knobs({ ...hvo, ...differing }) }));
  run(state, { op: 'create', size: 4 * HUGE });
  run(state, { op: 'bind', slot: 0, size: 4 * HUGE });
  run(state, { op: 'fallocate', offset: 0, size: 2 * HUGE });
  while (state.frames.freePages > left) assert.notEqual(state.frames.allocatePage(FRAME.pressure), NO_FRAME);
  return state;
}

function run(state: State, op: Op): Reply {
  const stream = new OpStream();
  appendOp(stream, op, []);
  const reply = runOp(state, op.op, stream.records.read(0));
  assert.deepEqual(verify(state), []);
  return reply;
}

const convert = (page: number, pages: number, to = 'shared') =>
  ({ op: 'convert', gpa: page * PAGE, size: pages * PAGE, to }) as const;

describe('hvo without frames for vmemmap', () => {
  test('explicit split: ENOMEM with the offset, no failed split; the earlier folio stays split', () => {
    const state = guest(7);
    const reply = run(state, { op: 'split', offset: PAGE, size: 2 * HUGE - PAGE });
    assert.deepEqual(reply, { errno: 'ENOMEM', values: { offset: HUGE } });
    assert.equal(state.tally.splits_2m, 1);
    assert.equal(state.tally.split_failed, 0);
    assert.equal(state.frames.freePages, 0);
  });

  test('conversion: all splits of a piece or none; gpa of the first folio that finds no frames', () => {
    const state = guest(13);
    const reply = run(state, convert(5, 1000));
    assert.deepEqual(reply, { errno: 'ENOMEM', values: { changed: 0, split: 0, merged: 0, gpa: HUGE } });
    assert.equal(state.tally.splits_2m, 0);
    assert.equal(state.tally.convert_eagain, 0);
    assert.deepEqual(run(guest(6), convert(5, 1)).values, { changed: 0, split: 0, merged: 0, gpa: 5 * PAGE });
    assert.deepEqual(run(state, convert(5, 1)).values, { changed: 1, split: 1, merged: 0 });
  });

  test('conversion: references are looked at before frames', () => {
    const state = guest(0);
    run(state, { op: 'pin', offset: HUGE, size: PAGE, kind: 'speculative' });
    const reply = run(state, convert(5, 1000));
    assert.deepEqual(reply, { errno: 'EAGAIN', values: { changed: 0, split: 0, merged: 0, gpa: HUGE } });
  });

  test('a new folio that would be split at once: ENOMEM without a trace', () => {
    const state = guest(6);
    run(state, convert(1024, 1));
    const before = { ...state.tally };
    assert.equal(run(state, { op: 'fault', gpa: 1025 * PAGE, access: 'private' }).errno, 'ENOMEM');
    assert.deepEqual(state.tally, before);
    assert.equal(state.frames.hostPagesPeak, 1024);
  });

  test('poison page: the whole folio, no failed split', () => {
    const state = guest(6, { poison: 'page' });
    run(state, { op: 'poison', offset: 0 });
    assert.equal(state.frames.poisoned.size, 512);
    assert.equal(state.tally.split_failed, 0);
  });

  test('merging gives the frames back', () => {
    const state = guest(7, { merge: 'eager' });
    run(state, convert(5, 1));
    assert.equal(state.frames.freePages, 0);
    assert.equal(run(state, convert(5, 1, 'private')).values?.merged, 1);
    assert.equal(state.frames.freePages, 7);
  });
});
