/**
 * The RMP as hardware: result codes by instruction and state, free and held. What the kernel makes of them (docs/semantics.md,
 * section 26), and a hook that fails half-way.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { blankFields } from '../../lib/ops/records.js';
import { runOp } from '../../lib/reference/backend.js';
import type { Block } from '../../lib/reference/model.js';
import { PVALIDATE_CODE, RMP_CODE, Rmp } from '../../lib/reference/rmp.js';
import { assign, reassign, share, smash } from '../../lib/reference/rmp-updates.js';
import { State } from '../../lib/reference/state.js';
import type { Knobs } from '../../lib/spec/knobs.js';
import { FLAG } from '../../lib/spec/ops.js';
import { ORDER_2M, ORDER_4K } from '../../lib/spec/units.js';
import { HUGE, knobs, options, PAGE } from '../support/run.js';

/** What is in the table before the attempt: nothing, page 5 alone, 512 pages one by one, one 2M entry. */
const STATES = {
  empty: () => {},
  'page 5': (rmp: Rmp) => rmp.makePrivate4k(5, 1, 517),
  'all pages': (rmp: Rmp) => {
    for (let pfn = 0; pfn < 512; pfn += 1) rmp.makePrivate4k(pfn, 1, 512 + pfn);
  },
  '2M': (rmp: Rmp) => rmp.makePrivate2m(0, 1, 512),
} as const;

const { ok, input, inUse, overlap } = RMP_CODE;

/** Code of each instruction in each of the states, and what it answers where another processor holds the entry. */
const INSTRUCTIONS: readonly {
  name: string;
  attempt: (rmp: Rmp) => number;
  codes: readonly [empty: number, page5: number, all: number, huge: number];
  held: number;
}[] = [
  { name: '4K private', attempt: (rmp) => rmp.makePrivate4k(5, 2, 9), codes: [ok, ok, ok, overlap], held: overlap },
  {
    name: '4K private beside',
    attempt: (rmp) => rmp.makePrivate4k(6, 2, 9),
    codes: [ok, ok, ok, overlap],
    held: overlap,
  },
  { name: '4K shared', attempt: (rmp) => rmp.makeShared4k(5), codes: [ok, ok, ok, overlap], held: overlap },
  {
    name: '2M private',
    attempt: (rmp) => rmp.makePrivate2m(0, 2, 0),
    codes: [ok, overlap, overlap, ok],
    held: overlap,
  },
  { name: '2M shared', attempt: (rmp) => rmp.makeShared2m(0), codes: [ok, overlap, overlap, ok], held: overlap },
  { name: 'PSMASH', attempt: (rmp) => rmp.psmash(0), codes: [input, input, input, ok], held: inUse },
  // Refused before an entry is looked at: no attempt as far as the other processor is concerned.
  {
    name: '2M private, pfn',
    attempt: (rmp) => rmp.makePrivate2m(1, 2, 0),
    codes: [input, input, input, input],
    held: input,
  },
  {
    name: '2M private, gfn',
    attempt: (rmp) => rmp.makePrivate2m(0, 2, 1),
    codes: [input, input, input, input],
    held: input,
  },
  {
    name: '4K private, gfn',
    attempt: (rmp) => rmp.makePrivate4k(5, 2, 2 ** 39),
    codes: [input, input, input, input],
    held: input,
  },
  {
    name: '2M private, gfn beyond',
    attempt: (rmp) => rmp.makePrivate2m(0, 2, 2 ** 39),
    codes: [input, input, input, input],
    held: input,
  },
  { name: '2M shared, pfn', attempt: (rmp) => rmp.makeShared2m(1), codes: [input, input, input, input], held: input },
  { name: 'PSMASH, pfn', attempt: (rmp) => rmp.psmash(1), codes: [input, input, input, input], held: input },
];

function entries(rmp: Rmp): unknown[] {
  return [0, 5, 6, 511].map((pfn) => rmp.lookup(pfn));
}

describe('reference RMP', () => {
  for (const [s, [state, make]] of Object.entries(STATES).entries()) {
    for (const { name, attempt, codes, held } of INSTRUCTIONS) {
      test(`${name}, ${state}`, () => {
        const rmp = new Rmp();
        make(rmp);
        const before = entries(rmp);
        // Two are held up after one that is not.
        rmp.hold(2, 1);
        const looks = held !== input;
        const first = attempt(rmp);
        assert.equal(first, codes[s]);
        if (first !== ok) assert.deepEqual(entries(rmp), before, 'an attempt that failed');
        const between = entries(rmp);
        assert.deepEqual([attempt(rmp), attempt(rmp)], [held, held]);
        assert.deepEqual(entries(rmp), between, 'attempts that were held up');
        // They are used up, unless no entry was looked at.
        const left = Array.from({ length: 4 }, () => rmp.makeShared4k(1500));
        assert.deepEqual(left, looks ? [ok, ok, ok, ok] : [ok, overlap, overlap, ok]);
        rmp.hold(0, 7);
        assert.equal(rmp.makeShared4k(1500), ok);
        rmp.hold(5, 0);
        rmp.hold(1, 0);
        assert.deepEqual([rmp.makeShared4k(1500), rmp.makeShared4k(1500)], [overlap, ok]);
      });
    }
  }

  test('a 2M entry is one for all of its pages, and 512 after PSMASH', () => {
    const rmp = new Rmp();
    rmp.makePrivate2m(512, 3, 1024);
    assert.deepEqual(rmp.lookup(515), { asid: 3, gfn: 1027, huge: true, validated: false, immutable: false });
    assert.equal(rmp.lookup(0), undefined);
    assert.equal(rmp.validate(519), PVALIDATE_CODE.ok);
    assert.equal(rmp.psmash(512), RMP_CODE.ok);
    assert.equal(rmp.makeShared4k(521), RMP_CODE.ok);
    assert.deepEqual(rmp.lookup(522), { asid: 3, gfn: 1034, huge: false, validated: true, immutable: false });
    assert.equal(rmp.assigned(521), false);
    assert.equal(rmp.validate(522), PVALIDATE_CODE.noUpdate);
  });

  test('RMPUPDATE takes the validated flag away', () => {
    const rmp = new Rmp();
    rmp.makePrivate4k(0, 1, 0);
    rmp.validate(0);
    rmp.makePrivate4k(0, 1, 0, true);
    assert.deepEqual(rmp.lookup(0), { asid: 1, gfn: 0, huge: false, validated: false, immutable: true });
    rmp.launched(0);
    assert.deepEqual(rmp.lookup(0), { asid: 1, gfn: 0, huge: false, validated: true, immutable: false });
  });
});

describe('the kernel on the reference RMP', () => {
  for (const prepareErrno of ['EINVAL', 'EFAULT'] as const) {
    test(`a hook that fails half-way is undone and marks nothing: ${prepareErrno}`, () => {
      const state = booted({ prepareErrno });
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

  test('an overlap that is real fails at once, whoever else is busy', () => {
    for (const held of [0, 1, 5, 16, 1024]) {
      const state = new State(options({ arch: 'snp' }));
      state.rmp.makePrivate4k(3, 1, 2563);
      state.rmp.makePrivate2m(512, 1, 3072);
      state.rmp.hold(held, 0);
      const to = { asid: 1, gfn: 3584 };
      assert.equal(assign(state, 0, ORDER_2M, to), false);
      assert.equal(assign(state, 521, ORDER_4K, to), false);
      reassign(state, 0, ORDER_2M, to);
      share(state, 521, ORDER_4K);
      share(state, 0, ORDER_2M);
      assert.equal(state.tally.rmpupdate_failed, 5, `${held} held`);
      assert.deepEqual([state.tally.rmpupdate_4k, state.tally.rmpupdate_2m], [0, 0]);
      assert.deepEqual([state.rmp.lookup(0), state.rmp.lookup(521)?.gfn], [undefined, 3081]);
    }
  });

  test('16 attempts of an assignment; no end to the others before they are through', () => {
    const state = new State(options({ arch: 'snp' }));
    const to = { asid: 1, gfn: 512 };
    const { tally } = state;
    state.rmp.hold(17, 0);
    assert.equal(assign(state, 0, ORDER_2M, to), false);
    assert.equal(tally.rmpupdate_failed, 16);
    assert.equal(assign(state, 0, ORDER_2M, to), true);
    state.rmp.hold(1000, 0);
    smash(state, 77);
    assert.deepEqual([tally.psmash_failed, tally.psmash], [1000, 1]);
    state.rmp.hold(1000, 0);
    share(state, 77, ORDER_4K);
    state.rmp.hold(1000, 0);
    reassign(state, 512, ORDER_2M, to);
    assert.deepEqual([tally.rmpupdate_failed, tally.rmpupdate_4k, tally.rmpupdate_2m], [17 + 2000, 1, 2]);
  });

  test('a hook that takes a block for empty runs into its entries once, and not for ever', () => {
    const state = booted();
    state.rmp.makePrivate4k(100, 1, 100);
    const next = state.rmp.next.bind(state.rmp);
    let looks = 0;
    state.rmp.next = (pfn, end, assigned) => {
      if (assigned) looks += 1;
      return assigned && looks === 1 ? end : next(pfn, end, assigned);
    };
    state.rmp.hold(1024, 0);
    assert.equal(runOp(state, 'fault', { ...blankFields(), flags: FLAG.private }).errno, 'EINVAL');
    assert.equal(state.tally.rmpupdate_failed, 1);
  });

  test('a page under an entry that was not smashed stays assigned, and whoever frees it comes back', () => {
    const state = booted();
    assert.equal(runOp(state, 'fault', { ...blankFields(), flags: FLAG.private }).errno, undefined);
    state.rmp.psmash = () => RMP_CODE.ok;
    state.rmp.hold(1024, 0);
    const { errno } = runOp(state, 'convert', { ...blankFields(), size: PAGE });
    assert.deepEqual([errno, state.tally.rmpupdate_failed], [undefined, 1]);
  });

  test('a record may hold anything: the switch takes integers from 0 to 1024, on snp', () => {
    const state = new State(options({ arch: 'snp' }));
    const set = (arg: number, extra: number, size = 0) =>
      runOp(state, 'set', { ...blankFields(), arg, extra, size }).errno;
    assert.equal(set(1, 2), undefined);
    const bad = [-1, 0.5, 1025, 1e300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of bad) {
      const answers = [set(1, value), set(1, 1, value), set(0, value), set(0, 1, value), set(2, value)];
      assert.deepEqual(answers, ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'], String(value));
    }
    assert.deepEqual([set(0, 3), set(0, 1, 1)], ['EINVAL', 'EINVAL']);
    assert.deepEqual(
      [1, 2, 3].map(() => state.rmp.makeShared4k(0)),
      [overlap, overlap, ok],
    );
    for (const arch of ['none', 'tdx'] as const) {
      const other = new State(options({ arch }));
      for (const extra of [0, 1, Number.NaN]) {
        assert.equal(runOp(other, 'set', { ...blankFields(), arg: 1, extra }).errno, 'EOPNOTSUPP');
      }
    }
  });
});

/** A 2M folio that nobody has faulted in, of an snp guest. */
function booted(differing: Partial<Knobs> = {}): State {
  const state = new State(options({ arch: 'snp', knobs: knobs({ hugepages: '2M', ...differing }) }));
  const op = { ...blankFields(), size: HUGE };
  runOp(state, 'create', op);
  runOp(state, 'bind', op);
  runOp(state, 'fallocate', op);
  return state;
}
