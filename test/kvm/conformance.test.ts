/** The real kernel against both simulated engines: at least 50 000 random ops, every answer compared. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { conform, type NamedStream } from '../../lib/conform/conform.js';
import { fieldsOf, minimise } from '../../lib/conform/judge.js';
import { randomStream } from '../../lib/conform/random-stream.js';
import { SELFTESTS, selftest } from '../../lib/conform/selftests.js';
import type { RecordFields } from '../../lib/ops/records.js';
import { reference } from '../support/backends.js';
import { FAULTS, withFault } from '../support/faulty.js';
import { SKIP, SKIP_VCPU } from './support.js';

const STREAMS = 26;
const OPS = 2000;
const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));

function* randomStreams(seed: number): Generator<NamedStream> {
  for (let i = 0; i < STREAMS; i += 1) {
    yield { name: `seed ${seed * 1000 + i}`, ops: randomStream(seed * 1000 + i, OPS) };
  }
}

for (const name of Object.keys(SELFTESTS)) {
  test(`the kernel and the models agree on ${name}`, { skip: SKIP_VCPU }, async () => {
    const result = await conform([{ name, ops: fieldsOf(selftest(name)) }]);
    assert.equal(result.finding, undefined, JSON.stringify(result.finding, null, 2));
    assert.equal(result.answered, result.ops);
  });
}

test(`the kernel and the models agree on ${STREAMS} random streams`, { skip: SKIP_VCPU }, async (context) => {
  const seed = Number(process.env.GMEM_SEED ?? 5);
  const result = await conform(randomStreams(seed));
  context.diagnostic(`seed ${seed}: ${result.answered} ops answered by the kernel`);
  assert.equal(result.finding, undefined, JSON.stringify(result.finding, null, 2));
  assert.ok(result.answered >= 50_000);
});

test('a stream that differs is made short', () => {
  const ops = randomStream(1, 200);
  const needed = [ops[20], ops[120]] as RecordFields[];
  const short = minimise(ops, (tried) => needed.every((fields) => tried.includes(fields)));
  assert.deepEqual(short, needed);
});

test('a model with one fault in it is found, with a short stream', { skip: SKIP_VCPU }, async () => {
  const expected = new Map([
    ['bind of an overlapping gfn range answers EINVAL', 4],
    ['a slot is not deleted', 6],
    ['punch leaves the last page', 6],
  ]);
  for (const [name, most] of expected) {
    const fault = FAULTS.find((known) => known.name === name);
    assert.ok(fault !== undefined, name);
    const { create } = withFault(reference, fault);
    const { finding } = await conform(randomStreams(1), { models: { faulty: create } });
    assert.ok(finding !== undefined, name);
    assert.equal(finding.model, 'faulty');
    assert.ok(finding.ops.length <= most, `${name}: ${finding.ops.length} ops`);
    assert.notDeepEqual(finding.kernel, finding.answer);
  }
});

test('gmem conform says what it compared, as text and as JSON', { skip: SKIP_VCPU }, () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, 'conform', '--ops', '500', '--seed', '3', ...args], { encoding: 'utf8' });
  const text = run();
  assert.equal(text.status, 0, text.stderr + text.stdout);
  assert.match(text.stdout, /^no difference: \d+ ops in 9 streams, \d+ answered by the kernel\n$/);
  const json = run('--format', 'json');
  const { schema, seed, streams, finding } = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.deepEqual([schema, seed, streams, finding], ['gmem.conform/1', 3, 9, null]);
});

test('gmem conform refuses what it does not know', { skip: SKIP }, () => {
  for (const args of [
    ['--ops', '-1'],
    ['--ops', 'x'],
    ['--seed', '4294967296'],
    ['--format', 'html'],
    ['no-such-file'],
  ]) {
    const ran = spawnSync(process.execPath, [MAIN, 'conform', ...args], { encoding: 'utf8' });
    assert.equal(ran.status, 2, `${args}: ${ran.stderr}`);
    assert.notEqual(ran.stderr, '');
  }
});
