/**
 * The generator of `pressure`, against its published definition worked out in another arithmetic (BigInt).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xoshiro128 } from '../../lib/reference/random.js';

const MASK = 2n ** 32n - 1n;

function rotate(value: bigint, by: bigint): bigint {
  return ((value << by) | (value >> (32n - by))) & MASK;
}

function* inBigInts(seed: number): Generator<number> {
  let mix = BigInt(seed);
  const state = Array.from({ length: 4 }, () => {
    mix = (mix + 0x9e3779b9n) & MASK;
    let z = mix;
    z = ((z ^ (z >> 16n)) * 0x21f0aaadn) & MASK;
    z = ((z ^ (z >> 15n)) * 0x735a2d97n) & MASK;
    return z ^ (z >> 15n);
  });
  let [s0, s1, s2, s3] = state as [bigint, bigint, bigint, bigint];
  for (;;) {
    yield Number((rotate((s1 * 5n) & MASK, 7n) * 9n) & MASK);
    const t = (s1 << 9n) & MASK;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotate(s3, 11n);
  }
}

test('xoshiro128** from splitmix32', () => {
  for (const seed of [0, 1, 42, 0xdeadbeef, 0xffffffff]) {
    const next = xoshiro128(seed);
    const expected = inBigInts(seed);
    for (let i = 0; i < 1000; i += 1) assert.equal(next(), expected.next().value, `seed ${seed}, ${i}`);
  }
});
