/** Which inputs a pool cannot hold at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputRefusal } from '../../lib/compare/refusal.js';
import { PRESETS } from '../../lib/policy/presets.js';

const GIB = 2 ** 30;
const giant = PRESETS['hugetlb-1g'].knobs;
const small = PRESETS['hugetlb-2m'].knobs;

test('a pool refuses a file that is no whole number of its pages', () => {
  const files = [{ gmem: 3, sizeBytes: 2.5 * GIB }];
  assert.match(inputRefusal(files, giant, 64 * GIB) ?? '', /gmem 3 of 2\.50 GiB is not a multiple of the pool's 1 GiB/);
  assert.equal(inputRefusal(files, small, 64 * GIB), undefined);
  assert.equal(inputRefusal(files, PRESETS['rfc-thp'].knobs, 1), undefined);
});

test('a pool is 15/16 of the huge pages, and what is closed makes room', () => {
  const two = [
    { gmem: 0, sizeBytes: 15 * GIB },
    { gmem: 1, sizeBytes: GIB },
  ];
  assert.equal(inputRefusal(two.slice(0, 1), giant, 16 * GIB), undefined);
  assert.match(inputRefusal(two, giant, 16 * GIB) ?? '', /files of 16 GiB do not fit the pool of 15 GiB in 16 GiB/);
  const closed = [two[0], { gmem: 0, sizeBytes: 0 }, two[1]].map(
    (event) => event as { gmem: number; sizeBytes: number },
  );
  assert.equal(inputRefusal(closed, giant, 16 * GIB), undefined);
});

test('a create of an id that is open is not counted: it fails with EEXIST', () => {
  const again = { gmem: 0, sizeBytes: 15 * GIB };
  assert.equal(inputRefusal([again, again], giant, 16 * GIB), undefined);
});
