/** The published table of a 16 GiB SNP guest, from the scenario, by the native engine; and at other sizes. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { compare } from '../../lib/compare/compare.js';
import { openInput } from '../../lib/trace/input.js';
import { countNaively } from './naive.js';
import { ROOT } from './support.js';

const PAGES_2M = 512;
const PAGES_1G = 512 * 512;

for (const memory of ['16GiB', '64GiB', '256GiB', '1TiB']) {
  test(`an SNP guest of ${memory} splits and merges what was published`, async () => {
    const file = path.join(ROOT, 'scenarios/snp-boot-16g.yaml');
    const input = await openInput(file, { settings: [`machine.memory=${memory}`] });
    const { results } = await compare(input, { policies: ['hugetlb-2m', 'hugetlb-1g'], arch: 'snp', samples: 0 });
    const counters = results.map((result) => {
      assert.ok('counters' in result, JSON.stringify(result));
      return result.counters;
    });
    const [small, large] = counters as [(typeof counters)[0], (typeof counters)[0]];
    // Published: 622 folios split and about 30 merged with 2M pages, 6 and 2 with 1G pages.
    assert.ok(Math.abs(small.split_distinct_2m - 622) <= 0.02 * 622, `${small.split_distinct_2m} split`);
    assert.ok(small.merge_distinct_2m >= 25 && small.merge_distinct_2m <= 35, `${small.merge_distinct_2m} merged`);
    assert.equal(large.split_distinct_1g, 6);
    assert.equal(large.merge_distinct_1g, 2);
    // The engine agrees with a count that knows regions and nothing else.
    const naive = countNaively(input.ops, PAGES_2M);
    assert.equal(small.split_distinct_2m, naive.split.length);
    assert.equal(small.merge_distinct_2m, naive.merged.length);
    assert.equal(large.split_distinct_1g, countNaively(input.ops, PAGES_1G).split.length);
    assert.deepEqual(
      counters.map(({ errors }) => errors),
      [{}, {}],
    );
  });
}

test('the same guest under TDX: launched, run, and refused only what the module holds together', async () => {
  const input = await openInput(path.join(ROOT, 'scenarios/snp-boot-16g.yaml'));
  const policies = ['inplace-v6', 'thp-keep', 'hugetlb-2m', 'structless'] as const;
  const { results } = await compare(input, { policies, arch: 'tdx', samples: 0 });
  const [pages, keep, pool, natural] = results.map((result) => {
    assert.ok('counters' in result, JSON.stringify(result));
    return result.counters;
  });
  assert.ok(pages !== undefined && keep !== undefined && pool !== undefined && natural !== undefined);
  for (const { sept_add, sept_aug, rmpupdate_4k, prepares } of [pages, keep, pool, natural]) {
    assert.ok(sept_add > 0 && sept_aug > 0, 'nothing populated, or nothing touched');
    assert.equal(rmpupdate_4k + prepares, 0);
  }
  assert.deepEqual([pages.errors, keep.errors], [{}, {}]);
  // What is shared before it is mapped splits as on SNP; what was merged and is mapped does not split again.
  assert.equal(keep.split_distinct_2m, 622);
  assert.deepEqual(pool.errors, { EAGAIN: pool.convert_eagain });
  assert.ok(pool.convert_eagain > 0 && pool.convert_eagain < 0.05 * pool.converts);
  assert.deepEqual(natural.errors, { EINVAL: 1 });
  assert.equal(natural.convert_eagain, 0);
});
