/** Which inputs a policy cannot run at all: files a pool cannot hold, and those a design cannot make. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, replay } from '../../lib/compare/compare.js';
import type { FileEvent } from '../../lib/compare/memory.js';
import { inputRefusal } from '../../lib/compare/refusal.js';
import { isRun } from '../../lib/compare/results.js';
import { OpBuilder } from '../../lib/ops/builder.js';
import { PRESET_NAMES, PRESETS } from '../../lib/policy/presets.js';
import { ARCHES, type Arch, type Knobs } from '../../lib/spec/knobs.js';
import { CREATE_FLAG } from '../../lib/spec/ops.js';
import { inputOf } from './streams.js';

const GIB = 2 ** 30;
const giant = PRESETS['hugetlb-1g'].knobs;
const small = PRESETS['hugetlb-2m'].knobs;

const file = (gmem: number, sizeBytes: number, flags = 0): FileEvent => ({ gmem, sizeBytes, flags });
const poolRefusal = (files: readonly FileEvent[], knobs: Knobs, memoryBytes: number): string | undefined =>
  inputRefusal(files, knobs, 'snp', memoryBytes);
const flagsRefusal = (files: readonly FileEvent[], knobs: Knobs, arch: Arch): string | undefined =>
  inputRefusal(files, knobs, arch, 64 * GIB);

test('a pool refuses a file that is no whole number of its pages', () => {
  const files = [file(3, 2.5 * GIB)];
  assert.match(poolRefusal(files, giant, 64 * GIB) ?? '', /gmem 3 of 2\.50 GiB is not a multiple of the pool's 1 GiB/);
  assert.equal(poolRefusal(files, small, 64 * GIB), undefined);
  assert.equal(poolRefusal(files, PRESETS['rfc-thp'].knobs, 1), undefined);
});

test('a pool is 15/16 of the huge pages, and what is closed makes room', () => {
  const [first, second] = [file(0, 15 * GIB), file(1, GIB)] as const;
  assert.equal(poolRefusal([first], giant, 16 * GIB), undefined);
  assert.match(
    poolRefusal([first, second], giant, 16 * GIB) ?? '',
    /files of 16 GiB do not fit the pool of 15 GiB in 16 GiB/,
  );
  assert.equal(poolRefusal([first, file(0, 0), second], giant, 16 * GIB), undefined);
});

test('by discard, a VM with private memory has no file with flags; in place it has', () => {
  const discard = PRESETS['rfc-thp'].knobs;
  const mapped = [file(0, GIB), file(1, GIB, CREATE_FLAG.mmap)];
  for (const arch of ['snp', 'tdx'] as const) {
    assert.equal(
      flagsRefusal(mapped, discard, arch),
      `gmem 1 is created with mmap, which conversion discard refuses on arch ${arch}: its VMs have private memory`,
    );
  }
  assert.match(flagsRefusal([file(0, GIB, 2)], discard, 'snp') ?? '', /created with init-shared, which/);
  assert.match(flagsRefusal([file(0, GIB, 3)], discard, 'snp') ?? '', /created with mmap and init-shared, which/);
  assert.equal(flagsRefusal(mapped, discard, 'none'), undefined);
  for (const arch of ARCHES) assert.equal(flagsRefusal(mapped, small, arch), undefined);
});

test('a comparison refuses exactly the policies whose create the engine refuses; so does a replay, which shows the answers', async () => {
  const builder = new OpBuilder();
  builder.push({ op: 'create', size: 4 << 20, flags: ['mmap'] });
  builder.push({ op: 'bind', slot: 0, gpa: 0, size: 4 << 20 });
  builder.push({ op: 'touch', gpa: 0, size: 4 << 20 });
  const input = inputOf(builder.stream, 'mapped.jsonl');
  const policies = PRESET_NAMES.filter((name) => PRESETS[name].knobs.hugepages !== '1G');
  for (const arch of ['none', 'snp', 'tdx'] as const) {
    const options = { arch, engine: 'reference', memoryBytes: GIB, samples: 0 } as const;
    const { results } = await compare(input, { ...options, policies });
    for (const result of results) {
      const policy = result.policy as (typeof policies)[number];
      let lines = '';
      const outcomes = (more: string): void => {
        lines += more;
      };
      const [shown] = (await replay(input, { ...options, policy, outcomes })).results;
      const [alone] = (await replay(input, { ...options, policy })).results;
      assert.equal(lines.trimEnd().split('\n').length, 3);
      assert.equal(!isRun(result), lines.includes('"errno":"EINVAL"'), `${policy} on ${arch}`);
      if (isRun(result)) assert.deepEqual(result.counters.errors, {});
      else assert.deepEqual([shown, alone], [result, result]);
      for (const row of [shown, alone]) assert.equal(row !== undefined && isRun(row), isRun(result));
    }
    assert.ok(results.some(isRun));
  }
});
