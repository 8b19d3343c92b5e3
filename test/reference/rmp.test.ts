/**
 * The RMP as hardware: result codes, sizes, flags; and a hook that fails half-way.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { blankFields } from '../../lib/ops/records.js';
import { runOp } from '../../lib/reference/backend.js';
import type { Block } from '../../lib/reference/model.js';
import { PVALIDATE_CODE, RMP_CODE, Rmp } from '../../lib/reference/rmp.js';
import { State } from '../../lib/reference/state.js';
import { emptyTally } from '../../lib/reference/tally.js';
import { FLAG } from '../../lib/spec/ops.js';
import { HUGE, knobs, options } from '../support/run.js';

describe('reference RMP', () => {
  test('a 2M update needs alignment and 512 unassigned pages', () => {
    const tally = emptyTally();
    const rmp = new Rmp(tally);
    assert.equal(rmp.makePrivate2m(1, 1, 0), RMP_CODE.input);
    assert.equal(rmp.makePrivate2m(0, 1, 3), RMP_CODE.input);
    assert.equal(rmp.makePrivate4k(511, 1, 511), RMP_CODE.ok);
    assert.equal(rmp.makePrivate2m(0, 1, 0), RMP_CODE.overlap);
    assert.equal(rmp.makePrivate2m(512, 1, 1024), RMP_CODE.ok);
    assert.deepEqual(rmp.lookup(515), { asid: 1, gfn: 1027, huge: true, validated: false, immutable: false });
    assert.equal(rmp.lookup(0), undefined);
    assert.deepEqual([tally.rmpupdate_4k, tally.rmpupdate_2m, tally.rmpupdate_failed], [1, 1, 3]);
  });

  test('4K updates inside a 2M entry overlap until it is smashed', () => {
    const tally = emptyTally();
    const rmp = new Rmp(tally);
    rmp.makePrivate2m(0, 3, 512);
    assert.equal(rmp.makeShared4k(9), RMP_CODE.overlap);
    assert.equal(rmp.makePrivate4k(9, 3, 521), RMP_CODE.overlap);
    assert.equal(rmp.validate(7), PVALIDATE_CODE.ok);
    rmp.psmash(9);
    assert.equal(rmp.makeShared2m(0), RMP_CODE.overlap);
    assert.equal(rmp.makeShared4k(9), RMP_CODE.ok);
    assert.deepEqual(rmp.lookup(10), { asid: 3, gfn: 522, huge: false, validated: true, immutable: false });
    assert.equal(rmp.assigned(9), false);
    assert.equal(rmp.validate(10), PVALIDATE_CODE.noUpdate);
    assert.equal(tally.psmash, 1);
  });

  test('RMPUPDATE takes the validated flag away', () => {
    const rmp = new Rmp(emptyTally());
    rmp.makePrivate4k(0, 1, 0);
    rmp.validate(0);
    rmp.makePrivate4k(0, 1, 0, true);
    assert.deepEqual(rmp.lookup(0), { asid: 1, gfn: 0, huge: false, validated: false, immutable: true });
    rmp.launched(0);
    assert.deepEqual(rmp.lookup(0), { asid: 1, gfn: 0, huge: false, validated: true, immutable: false });
  });

  for (const prepareErrno of ['EINVAL', 'EFAULT'] as const) {
    test(`a hook that fails half-way is undone and marks nothing: ${prepareErrno}`, () => {
      const state = new State(options({ arch: 'snp', knobs: knobs({ hugepages: '2M', prepareErrno }) }));
      const op = { ...blankFields(), size: HUGE };
      runOp(state, 'create', op);
      runOp(state, 'bind', op);
      runOp(state, 'fallocate', op);
      const makePrivate2m = state.rmp.makePrivate2m.bind(state.rmp);
      const makePrivate4k = state.rmp.makePrivate4k.bind(state.rmp);
      state.rmp.makePrivate2m = () => RMP_CODE.overlap;
      const fault = { ...blankFields(), flags: FLAG.private };
      const exit = prepareErrno === 'EFAULT' ? 'memory-fault' : undefined;
      const { errno, exit: named } = runOp(state, 'fault', fault);
      assert.deepEqual([errno, named], [prepareErrno, exit]);

      makePrivate4k(511, 1, 511);
      const block = state.gmems.get(0)?.blocks.get(0) as Block;
      state.rmp.makePrivate4k = (pfn, asid, gfn) => (pfn === 100 ? RMP_CODE.overlap : makePrivate4k(pfn, asid, gfn));
      assert.equal(runOp(state, 'fault', fault).errno, prepareErrno);
      assert.deepEqual([state.rmp.assigned(0), state.rmp.assigned(99), state.rmp.assigned(511)], [false, false, true]);
      assert.ok(!block.marked.includes(1));
      assert.equal(state.tally.pages_cleared, 1024);

      state.rmp.makePrivate4k = makePrivate4k;
      state.rmp.makePrivate2m = makePrivate2m;
      assert.equal(runOp(state, 'fault', fault).errno, undefined);
      assert.equal(state.tally.prepares, 3);
    });
  }
});
