/**
 * What the running kernel is held against when the user names no input: every selftest table, then random streams.
 */
import type { NamedStream } from './conform.js';
import { fieldsOf } from './judge.js';
import { randomStream } from './random-stream.js';
import { SELFTESTS, selftest } from './selftests.js';

const OPS_A_STREAM = 2000;

/**
 * @param ops random ops in all.
 * @param seed unsigned 32-bit, of the first random stream; each further one takes the next.
 */
export function* standardStreams(ops: number, seed: number): Generator<NamedStream> {
  for (const name of Object.keys(SELFTESTS)) yield { name, ops: fieldsOf(selftest(name)) };
  for (let left = ops, next = seed; left > 0; left -= OPS_A_STREAM, next = (next + 1) % 2 ** 32) {
    yield { name: `random stream of seed ${next}`, ops: randomStream(next, Math.min(left, OPS_A_STREAM)) };
  }
}
