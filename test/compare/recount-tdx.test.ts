/**
 * S-EPT events and refused conversions of both engines against a recount that shares no code with them: on streams of a
 * random guest, and on the bundled recording, with references of the TDX module and without.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../lib/compare/compare.js';
import { isRun } from '../../lib/compare/results.js';
import type { OpSource } from '../../lib/ops/source.js';
import { resolvePolicy } from '../../lib/policy/policy.js';
import { PRESET_NAMES, PRESETS } from '../../lib/policy/presets.js';
import { openInput } from '../../lib/trace/input.js';
import { bundled } from '../support/scratch.js';
import { RECOUNTED_TDX, RecountTdx, recountsTdx } from './recount-tdx.js';
import { hugeGuestStream, inputOf } from './streams.js';

const ENGINES = ['native', 'reference'] as const;
const NAMES = PRESET_NAMES.filter((name) => recountsTdx(PRESETS[name].knobs));
const POLICIES = NAMES.flatMap((base) => [
  resolvePolicy(base),
  resolvePolicy({ name: `${base}, frozen`, base, knobs: { refs: 'frozen' } }),
]);

/** Adds to `sums` what the recount counted. */
async function check(stream: OpSource, engine: (typeof ENGINES)[number], sums: Record<string, number>): Promise<void> {
  const { results } = await compare(inputOf(stream), { policies: POLICIES, engine, arch: 'tdx', samples: 0 });
  for (const [i, result] of results.entries()) {
    assert.ok(isRun(result), `${result.policy}: ${JSON.stringify(result)}`);
    const recount = new RecountTdx((POLICIES[i] as (typeof POLICIES)[number]).knobs);
    const own = recount.run(stream);
    for (const name of RECOUNTED_TDX) {
      assert.equal(result.counters[name], own[name] ?? 0, `${engine}, ${result.policy}: ${name}`);
      sums[name] = (sums[name] ?? 0) + (own[name] ?? 0);
    }
    assert.deepEqual(result.counters.errors, recount.errors, `${engine}, ${result.policy}: ops that fail`);
  }
}

for (const engine of ENGINES) {
  test(`${engine}: S-EPT events equal a naive recount, of a guest at random and of the bundled recording`, async () => {
    const sums: Record<string, number> = {};
    for (let seed = 1; seed <= 8; seed += 1) await check(hugeGuestStream(seed, 300, 8 * 512), engine, sums);
    for (const name of ['sept_aug', 'sept_demote', 'sept_remove', 'convert_eagain', 'splits_2m', 'merges_2m']) {
      assert.ok((sums[name] ?? 0) > 0, `no ${name} in any stream`);
    }
    if (engine === 'reference') return;
    await check((await openInput(bundled('boot2g.jsonl.gz'))).ops, engine, sums);
  });
}
