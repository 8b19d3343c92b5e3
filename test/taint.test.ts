/**
 * Contents, on every engine: each owner writes bytes of its own wherever it can; after frees, conversions, punches, closes
 * and reuse by others nobody ever reads a byte of an earlier owner, and a page keeps its bytes through everything that must
 * keep them. What is expected comes from test/support/taint-model.ts, not from another engine.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { engines } from './support/backends.js';
import type { Engine } from './support/differential.js';
import { customPolicy, isGiant, presetPolicies, type TestPolicy } from './support/policies.js';
import { Random } from './support/prng.js';
import { TaintedRun } from './support/taint.js';
import { randomTaint } from './support/taint-stream.js';

const MIB = 2 ** 20;
const PAGE = 4096;
const BLOCK = 512;
const GIB = 2 ** 30;
const RUNS = 6;
const GIANT_RUNS = 2;
const GIANT_OPS = 250;
const OPS = 500;
const CUSTOM_RUNS = 40;
const all = [...new Set(engines)];

interface Layout {
  /** Bytes of a file of which the first 4M are used. */
  readonly fileBytes: number;
  /** Host memory for that file, and for one more of its size beside it. */
  readonly memoryBytes: number;
  readonly twiceBytes: number;
}

/** Files and hosts as the policy needs them: a pool hands out whole huge pages and keeps one sixteenth back. */
function layoutOf(policy: TestPolicy): Layout {
  if (isGiant(policy)) return { fileBytes: GIB, memoryBytes: 2 * GIB, twiceBytes: 3 * GIB };
  const pool = policy.knobs.source === 'pool';
  return { fileBytes: 4 * MIB, memoryBytes: 16 * MIB, twiceBytes: pool ? 10 * MIB : 6 * MIB };
}

function inPlace({ knobs }: TestPolicy): boolean {
  return knobs.conversion === 'in-place';
}

/** A private file bound whole at gpa 0 of a VM of its own. */
function addGuest(run: TaintedRun, policy: TestPolicy, vm: number, size: number): void {
  assert.ok(run.run('create', { vm, gmem: vm, size }).ok);
  assert.ok(run.run('bind', { vm, gmem: vm, slot: 0, size }).ok);
  const all = { vm, gpa: 0, size, to: 'private' };
  const turned = inPlace(policy) ? run.run('convert', { ...all, content: 'preserve' }) : run.run('attributes', all);
  assert.ok(turned.ok);
}

/** One VM, one private file at gpa 0. */
function oneGuest(engine: Engine, policy: TestPolicy, memoryBytes = layoutOf(policy).memoryBytes): TaintedRun {
  const run = new TaintedRun(engine, policy, memoryBytes);
  addGuest(run, policy, 0, layoutOf(policy).fileBytes);
  return run;
}

function readAll(run: TaintedRun, name: 'guest-read' | 'vmm-read', pages: number, vm = 0): number {
  let read = 0;
  for (let page = 0; page < pages; page += 1) {
    if (run.run(name, { vm, gpa: page * PAGE, size: PAGE }).ok) read += 1;
  }
  return read;
}

for (const engine of all) {
  describe(`contents on ${engine.name}`, () => {
    for (const policy of presetPolicies()) {
      const title = `${policy.policy}, arch ${policy.arch}`;

      test(`${title}: bytes survive a split, a neighbour's punch and conversion, and a rebind`, () => {
        const run = oneGuest(engine, policy);
        assert.ok(run.taint('guest-write', { gpa: 0, size: 4 * MIB }).ok);
        run.run('punch', { offset: 7 * PAGE, size: PAGE });
        run.run('split', { offset: BLOCK * PAGE, size: 2 * MIB });
        run.run('convert', { gpa: 9 * PAGE, size: 3 * PAGE, to: 'shared' });
        assert.ok(run.taint('guest-write', { gpa: 10 * PAGE, size: PAGE }).ok);
        // Being unbound costs a TDX guest what it has.
        if (policy.arch === 'tdx') assert.equal(readAll(run, 'guest-read', 2 * BLOCK), 2 * BLOCK);
        run.run('bind', { slot: 0, size: 0 });
        run.run('bind', { slot: 3, size: layoutOf(policy).fileBytes });
        assert.equal(readAll(run, 'guest-read', 2 * BLOCK), 2 * BLOCK);
        for (const to of inPlace(policy) ? [] : ['shared', 'private']) {
          run.run('attributes', { gpa: 0, size: 4 * MIB, to });
          assert.equal(readAll(run, 'guest-read', 2 * BLOCK), 2 * BLOCK);
        }
        assert.ok(run.tainted >= 2 * BLOCK - 4, `${run.tainted} reads had to return bytes`);
        run.end();
      });

      for (const free of inPlace(policy) ? ['punch', 'close'] : ['punch', 'close', 'convert']) {
        test(`${title}: frames freed by ${free} carry no byte to the next guest`, () => {
          const { fileBytes, twiceBytes } = layoutOf(policy);
          const run = oneGuest(engine, policy, twiceBytes);
          assert.ok(run.taint('guest-write', { gpa: 0, size: 4 * MIB }).ok);
          const before = new Set(Array.from({ length: 2 * BLOCK }, (_, index) => run.pfn(0, index)));
          if (free === 'punch') assert.ok(run.run('punch', { offset: 0, size: fileBytes }).ok);
          else if (free === 'close') run.run('close');
          else run.run('convert', { gpa: 0, size: fileBytes, to: 'shared' });
          addGuest(run, policy, 1, fileBytes);
          const pages = 2 * BLOCK;
          assert.equal(readAll(run, 'guest-read', pages, 1), pages);
          const reused = Array.from({ length: pages }, (_, index) => run.pfn(1, index)).filter((pfn) =>
            before.has(pfn),
          );
          assert.ok(reused.length >= BLOCK, `only ${reused.length} frames were used again`);
          run.end();
        });
      }

      // In place there are no copies: taint-in-place.test.ts.
      if (!inPlace(policy))
        test(`${title}: a shared copy dropped by a conversion does not come back, nor does a pinned one`, () => {
          const run = oneGuest(engine, policy);
          run.run('convert', { gpa: 0, size: 2 * MIB, to: 'shared' });
          assert.ok(run.taint('vmm-write', { gpa: 0, size: 2 * MIB }).ok);
          assert.equal(readAll(run, 'guest-read', BLOCK), BLOCK);
          assert.ok(run.run('pin', { offset: 0, size: 4 * PAGE }).ok);
          run.run('convert', { gpa: 0, size: 2 * MIB, to: 'private' });
          assert.equal(readAll(run, 'guest-read', BLOCK), BLOCK);
          run.run('convert', { gpa: 0, size: 2 * MIB, to: 'shared' });
          assert.equal(readAll(run, 'vmm-read', BLOCK), BLOCK);
          assert.ok(run.run('unpin', { offset: 0, size: 4 * PAGE }).ok);
          assert.equal(readAll(run, 'guest-read', 2 * BLOCK), 2 * BLOCK);
          run.end();
        });

      test(`${title}: random owners`, () => {
        const sums = { checked: 0, tainted: 0 };
        const [runs, ops] = isGiant(policy) ? [GIANT_RUNS, GIANT_OPS] : [RUNS, OPS];
        for (let seed = 0; seed < runs; seed += 1) randomTaint(engine, policy, seed, ops, sums);
        assert.ok(sums.checked > runs * ops * 0.2, `only ${sums.checked} reads could be checked`);
        assert.ok(
          sums.tainted > sums.checked * 0.2,
          `only ${sums.tainted} of ${sums.checked} reads saw an owner's byte`,
        );
      });
    }

    test('random owners under random knobs', () => {
      const sums = { checked: 0, tainted: 0 };
      for (let seed = 0; seed < CUSTOM_RUNS; seed += 1) {
        randomTaint(engine, customPolicy(new Random(900 + seed)), 100 + seed, OPS, sums);
      }
      assert.ok(sums.checked > CUSTOM_RUNS * OPS * 0.2, `only ${sums.checked} reads could be checked`);
    });
  });
}
