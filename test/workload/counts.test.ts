import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openInput } from '../../lib/trace/input.js';
import { countNaively } from './naive.js';
import { bundled, ROOT } from './support.js';

const PAGES_2M = 512;
const PAGES_1G = 512 * 512;

test('the naive count agrees with what the description of the recorded trace says', async () => {
  const { ops } = await openInput(path.join(ROOT, 'traces/boot2g.jsonl.gz'));
  assert.equal(countNaively(ops, PAGES_2M).split.length, 152);
  assert.equal(countNaively(ops, PAGES_1G).split.length, 2);
});

for (const memory of ['16GiB', '64GiB', '256GiB', '1TiB']) {
  test(`the boot of an SNP guest by its parts, with ${memory}: the published folios split and merged`, () => {
    const { ops } = bundled('snp-boot-16g.yaml', `machine.memory=${memory}`);
    const small = countNaively(ops, PAGES_2M);
    const large = countNaively(ops, PAGES_1G);
    assert.ok(small.split.length >= 622 * 0.98 && small.split.length <= 622 * 1.02, `${small.split.length} split`);
    assert.ok(small.merged.length >= 25 && small.merged.length <= 35, `${small.merged.length} merged`);
    assert.equal(large.split.length, 6);
    assert.equal(large.merged.length, 2);
    // Beyond the bounce buffer's cap nothing grows: the parts' sum, whatever the memory.
    assert.equal(small.split.length, 513 + 1 + 1 + 3 + 58 + 30 + 8 + 8);
    assert.equal(small.merged.length, 9 + 5 + 8 + 8);
  });
}

test('the counts do not depend on the seed', () => {
  for (const seed of [2, 3, 77, 4242]) {
    const { ops } = bundled('snp-boot-16g.yaml', `machine.seed=${seed}`);
    assert.equal(countNaively(ops, PAGES_2M).split.length, 622);
    assert.equal(countNaively(ops, PAGES_2M).merged.length, 30);
    assert.equal(countNaively(ops, PAGES_1G).split.length, 6);
    assert.equal(countNaively(ops, PAGES_1G).merged.length, 2);
  }
});

test('in the pooled guest only the pool, the section and the GHCBs split, and nothing merges', () => {
  const { ops } = bundled('shared-pool.yaml');
  const { split, merged } = countNaively(ops, PAGES_2M);
  assert.equal(split.length, 640 + 1 + 1);
  assert.equal(merged.length, 0);
  const half = countNaively(bundled('shared-pool.yaml', 'phases[3].share=4%').ops, PAGES_2M);
  assert.equal(half.split.length, Math.ceil((16 * 1024 * 0.04) / 2) + 2);
});
