import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../lib/engine/pace.js';

const MS = 1_000_000;

/** A pace whose clock only moves when work is done. */
function paced(largest?: number): { pace: Pace; work: (ops: number, ms: number) => void } {
  let now = 0n;
  const pace = new Pace(largest, () => now);
  return {
    pace,
    work: (ops, ms) =>
      pace.run(ops, () => {
        now += BigInt(ms * MS);
      }),
  };
}

test('short batches double up to the largest, long ones halve down to one op', () => {
  const { pace, work } = paced(5000);
  const sizes: number[] = [];
  for (const ms of [1, 1, 1, 1, 20, 33, 33]) {
    sizes.push(pace.batch);
    work(pace.batch, ms);
  }
  assert.deepEqual(sizes, [1024, 2048, 4096, 5000, 5000, 5000, 2500]);
  for (let i = 0; i < 20; i += 1) work(pace.batch, 100);
  assert.equal(pace.batch, 1);
  assert.equal(new Pace(7).batch, 7);
});

test('a batch that was cut short says nothing about the next', () => {
  const { pace, work } = paced();
  work(10, 1);
  assert.equal(pace.batch, 1024);
});

test('the loop turns after the first batch, then after every slice of engine time', async () => {
  const { pace, work } = paced();
  work(1, 0);
  assert.ok(pace.due);
  await pace.turn();
  assert.ok(!pace.due);
  work(1, 5);
  assert.ok(!pace.due);
  work(1, 5);
  assert.ok(pace.due);
  assert.equal(pace.engineNs, 10 * MS);
});
