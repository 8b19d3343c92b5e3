/**
 * The generator of `pressure`, and what pressure makes of it: which runs it breaks, and where.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { blankFields } from '../../lib/ops/records.js';
import { runOp } from '../../lib/reference/backend.js';
import { FRAME } from '../../lib/reference/frames.js';
import { xoshiro128 } from '../../lib/reference/random.js';
import { State } from '../../lib/reference/state.js';
import { GiB, HUGE, options } from '../support/run.js';
import { inBigInts } from '../support/xoshiro.js';

describe('reference random numbers', () => {
  test('xoshiro128** from splitmix32', () => {
    for (const seed of [0, 1, 42, 0xdeadbeef, 0xffffffff]) {
      const next = xoshiro128(seed);
      const expected = inBigInts(seed);
      for (let i = 0; i < 1000; i += 1) assert.equal(next(), expected.next().value, `seed ${seed}, ${i}`);
    }
  });

  for (const [order, memoryBytes] of [
    [0, HUGE],
    [9, 7 * HUGE],
    [18, 5 * GiB + HUGE],
  ] as const) {
    test(`pressure of order ${order} takes the pages the shuffle says`, () => {
      for (let seed = 0; seed < 8; seed += 1) {
        for (let free = 0; free < 4; free += 1) {
          const state = new State(options({ memoryBytes, seed: 0x90abcdef }));
          runOp(state, 'pressure', { ...blankFields(), arg: order, size: free, extra: 2 ** 32 + seed });
          const numbers = inBigInts((seed ^ 0x90abcdef) >>> 0);
          const next = () => numbers.next().value as number;
          const pages = 2 ** order;
          const runs = Array.from({ length: Math.floor(memoryBytes / 4096 / pages) }, (_, i) => i * pages);
          for (let i = runs.length - 1; i >= 1; i -= 1) {
            const j = next() % (i + 1);
            const run = runs[i] as number;
            runs[i] = runs[j] as number;
            runs[j] = run;
          }
          const taken = runs.slice(free).map((first) => first + (next() % pages));
          const found: number[] = [];
          for (let pfn = state.frames.state.indexOf(FRAME.pressure); pfn >= 0; ) {
            found.push(pfn);
            pfn = state.frames.state.indexOf(FRAME.pressure, pfn + 1);
          }
          assert.deepEqual(
            found,
            taken.sort((a, b) => a - b),
            `seed ${seed}, free ${free}`,
          );
        }
      }
    });
  }
});
