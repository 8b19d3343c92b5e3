/**
 * Attributes against the naive form: one kind a gfn.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Kind, Kinds } from '../../lib/reference/kinds.js';
import { xoshiro128 } from '../../lib/reference/random.js';

const GFNS = 24;

test('kinds agree with one kind a gfn, over random range changes', () => {
  const next = xoshiro128(11);
  for (let round = 0; round < 200; round += 1) {
    const kinds = new Kinds(round % 2 === 0 ? 'shared' : 'private');
    const naive: Kind[] = Array.from({ length: GFNS }, () => kinds.initial);
    for (let change = 0; change < 12; change += 1) {
      const first = next() % GFNS;
      const end = first + 1 + (next() % (GFNS - first));
      const to: Kind = next() % 2 === 0 ? 'shared' : 'private';
      const other = naive.slice(first, end).filter((kind) => kind !== to).length;
      assert.equal(kinds.countOther(first, end, to), other);
      assert.equal(kinds.uniform(first, end, to), other === 0);
      kinds.set(first, end, to);
      naive.fill(to, first, end);
      assert.deepEqual(
        naive.map((_, gfn) => kinds.at(gfn)),
        naive,
      );
      assert.ok(kinds.flips.every((flip, i) => i === 0 || (kinds.flips[i - 1] as number) < flip));
    }
    assert.equal(kinds.at(-1), kinds.initial);
    assert.equal(kinds.at(GFNS), kinds.initial);
    const stretches = [...kinds.stretches(3, 20)];
    assert.deepEqual(
      stretches.flatMap((s) => Array.from({ length: s.end - s.first }, () => s.kind)),
      naive.slice(3, 20),
    );
  }
});

test('equal neighbours melt together: a range set and set back leaves nothing', () => {
  const kinds = new Kinds('shared');
  kinds.set(0, 2 ** 41, 'private');
  kinds.set(5, 10, 'shared');
  kinds.set(5, 10, 'private');
  assert.deepEqual(kinds.flips, [0, 2 ** 41]);
  assert.equal(kinds.countOther(0, 2 ** 42, 'shared'), 2 ** 41);
  kinds.set(0, 2 ** 42, 'shared');
  assert.deepEqual(kinds.flips, []);
});
