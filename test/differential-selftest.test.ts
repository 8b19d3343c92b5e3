/**
 * The harness itself: for every fault of test/support/faulty.ts random streams find it, and the shrinker leaves a handful
 * of ops, which fail again when they are run alone.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseJsonl } from '../lib/ops/jsonl.js';
import { PRESETS } from '../lib/policy/presets.js';
import { reference } from './support/backends.js';
import { type Case, type Difference, difference, type Engines } from './support/differential.js';
import { describeFailure } from './support/failure.js';
import { FAULTS, withFault } from './support/faulty.js';
import { customPolicy, isGiant, presetPolicies } from './support/policies.js';
import { Random } from './support/prng.js';
import { PROFILE_NAMES } from './support/profiles.js';
import { randomStream } from './support/random-stream.js';
import { shrink } from './support/shrink.js';

const STREAMS = 300;
const STREAM_OPS = 250;
const FEW_OPS = 6;

function find(engines: Engines): { plan: Case; found: Difference } | undefined {
  const policies = presetPolicies().filter((policy) => !isGiant(policy));
  for (let i = 0; i < STREAMS; i += 1) {
    const random = new Random(7000 + i);
    const policy = random.pick(policies);
    const plan = { ...policy, ...randomStream(random.fork(), random.pick(PROFILE_NAMES), policy, STREAM_OPS) };
    const found = difference(engines, plan);
    if (found !== undefined) return { plan, found };
  }
  return undefined;
}

describe('the differential harness finds and shrinks', () => {
  for (const fault of FAULTS) {
    test(fault.name, () => {
      const engines: Engines = [reference, withFault(reference, fault)];
      const failing = find(engines);
      assert.ok(failing, `not found in ${STREAMS} streams`);
      const small = shrink(engines, failing.plan, failing.found);
      const ops = small.plan.ops.length;
      assert.ok(
        ops <= FEW_OPS,
        `${ops} ops left of ${failing.plan.ops.length} after ${small.runs} runs: ${small.difference.message}`,
      );
      assert.ok(difference(engines, small.plan, { chunk: 1 }), 'the small stream does not fail alone');
    });
  }

  test('a failure is told with a stream that reads back', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'gmem-selftest-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const fault = FAULTS.find(({ name }) => name === 'punch leaves the last page');
    assert.ok(fault);
    const engines: Engines = [reference, withFault(reference, fault)];
    const failing = find(engines);
    assert.ok(failing);
    const text = describeFailure(engines, failing.plan, failing.found, 'self test/1', directory);
    const file = join(directory, 'self-test-1.jsonl');
    const content = readFileSync(file, 'utf8');
    assert.ok(text.includes(file) && text.includes(content.trim()), text);
    assert.match(text, /punch/);
    assert.match(
      text,
      /gmem replay .* --policy [\w.-]+ --arch (none|snp|tdx|pkvm) --memory \d+ --seed \d+ --outcomes -$/,
    );
    const { records } = parseJsonl(content, file);
    const ops = Array.from({ length: records.length }, (_, i) => records.read(i));
    assert.ok(ops.length <= FEW_OPS);
    const memoryBytes = Number(/--memory (\d+)/.exec(text)?.[1]);
    assert.ok(difference(engines, { ...failing.plan, ops, memoryBytes }), 'what the file says does not fail');
  });

  test('random knobs become a preset where the difference does not need them', () => {
    const [fault] = FAULTS.filter(({ name }) => name === 'an unpin without a pin succeeds');
    assert.ok(fault);
    const engines: Engines = [reference, withFault(reference, fault)];
    for (let seed = 0; seed < STREAMS; seed += 1) {
      const policy = customPolicy(new Random(seed));
      const plan = { ...policy, ...randomStream(seed, 'pins', policy, STREAM_OPS) };
      const found = difference(engines, plan);
      if (found === undefined) continue;
      assert.ok(Object.hasOwn(PRESETS, shrink(engines, plan, found).plan.policy));
      return;
    }
    assert.fail('not found');
  });

  test('no difference between an engine and itself', () => {
    assert.equal(find([reference, reference]), undefined);
  });
});
