/**
 * Contents, on every engine: each owner writes bytes of its own wherever it can; after frees, conversions, punches, closes
 * and reuse by others nobody ever reads a byte of an earlier owner, and a page keeps its bytes through everything that must
 * keep them. What is expected comes from test/support/taint-model.ts, not from another engine.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { engines } from './support/backends.js';
import type { Engine } from './support/differential.js';
import { customPolicy, presetPolicies, type TestPolicy } from './support/policies.js';
import { Random } from './support/prng.js';
import { TaintedRun } from './support/taint.js';
import { randomTaint } from './support/taint-stream.js';

const MIB = 2 ** 20;
const PAGE = 4096;
const BLOCK = 512;
const RUNS = 6;
const OPS = 500;
const CUSTOM_RUNS = 40;
const all = [...new Set(engines)];

/** One VM, one file of 4M at gpa 0, private where the test needs it. */
function oneGuest(engine: Engine, policy: TestPolicy, memoryBytes = 16 * MIB): TaintedRun {
  const run = new TaintedRun(engine, policy, memoryBytes);
  run.run('create', { size: 4 * MIB });
  run.run('bind', { slot: 0, size: 4 * MIB });
  run.run('attributes', { gpa: 0, size: 4 * MIB, to: 'private' });
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
        run.run('bind', { slot: 0, size: 0 });
        run.run('bind', { slot: 3, size: 4 * MIB });
        assert.equal(readAll(run, 'guest-read', 2 * BLOCK), 2 * BLOCK);
        run.run('attributes', { gpa: 0, size: 4 * MIB, to: 'shared' });
        assert.equal(readAll(run, 'guest-read', 2 * BLOCK), 2 * BLOCK);
        run.run('attributes', { gpa: 0, size: 4 * MIB, to: 'private' });
        assert.equal(readAll(run, 'guest-read', 2 * BLOCK), 2 * BLOCK);
        assert.ok(run.tainted >= 2 * BLOCK - 4, `${run.tainted} reads had to return bytes`);
        run.end();
      });

      for (const free of ['punch', 'close', 'convert'] as const) {
        test(`${title}: frames freed by ${free} carry no byte to the next guest`, () => {
          const run = oneGuest(engine, policy, 6 * MIB);
          assert.ok(run.taint('guest-write', { gpa: 0, size: 4 * MIB }).ok);
          const before = new Set(Array.from({ length: 2 * BLOCK }, (_, index) => run.pfn(0, index)));
          if (free === 'punch') run.run('punch', { offset: 0, size: 4 * MIB });
          else if (free === 'close') run.run('close');
          else run.run('convert', { gpa: 0, size: 4 * MIB, to: 'shared' });
          run.run('create', { vm: 1, gmem: 1, size: 5 * MIB });
          run.run('bind', { vm: 1, gmem: 1, slot: 0, size: 5 * MIB });
          run.run('attributes', { vm: 1, gpa: 0, size: 5 * MIB, to: 'private' });
          const pages = (5 * MIB) / PAGE;
          assert.equal(readAll(run, 'guest-read', pages, 1), pages);
          const reused = Array.from({ length: pages }, (_, index) => run.pfn(1, index)).filter((pfn) =>
            before.has(pfn),
          );
          assert.ok(reused.length >= BLOCK, `only ${reused.length} frames were used again`);
          run.end();
        });
      }

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
        for (let seed = 0; seed < RUNS; seed += 1) randomTaint(engine, policy, seed, OPS, sums);
        assert.ok(sums.checked > RUNS * OPS * 0.2, `only ${sums.checked} reads could be checked`);
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
