/** Replays what a real kernel answered on the simulated engines; see README.md. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { MODEL_OPTIONS, MODELS } from '../../lib/conform/conform.js';
import { contradiction, fieldsOf } from '../../lib/conform/judge.js';
import type { KnownAnswer } from '../../lib/conform/known.js';
import { randomStream } from '../../lib/conform/random-stream.js';
import { SELFTESTS } from '../../lib/conform/selftests.js';
import { formatOp, parseJsonl } from '../../lib/ops/jsonl.js';
import { OpRecords, type RecordFields } from '../../lib/ops/records.js';
import { OpStream } from '../../lib/ops/stream.js';
import { createReferenceBackend } from '../../lib/reference/backend.js';

const FOLDER = fileURLToPath(new URL('../../../test/conformance/', import.meta.url));

const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.jsonl') && !file.endsWith('.outcomes.jsonl'))
  .map((file) => file.slice(0, -'.jsonl'.length))
  .sort();

function recording(name: string): { ops: RecordFields[]; answers: KnownAnswer[] } {
  const ops = fieldsOf(parseJsonl(readFileSync(path.join(FOLDER, `${name}.jsonl`)), name).records);
  const lines = readFileSync(path.join(FOLDER, `${name}.outcomes.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
  const answers = lines.map((line, position) => {
    const { i, ...answer } = JSON.parse(line) as KnownAnswer & { i: number };
    assert.equal(i, position, `${name}.outcomes.jsonl line ${position + 1}`);
    return answer;
  });
  assert.equal(answers.length, ops.length, `${name}: as many answers as ops`);
  return { ops, answers };
}

function shown(ops: readonly RecordFields[], upTo: number): string {
  const records = new OpRecords();
  for (const fields of ops.slice(0, upTo + 1)) records.appendFields(fields);
  return formatOp(new OpStream(records), upTo);
}

test('every selftest table and several random streams are recorded', () => {
  for (const name of Object.keys(SELFTESTS)) assert.ok(names.includes(name), `${name} is not recorded`);
  const random = names.filter((name) => name.startsWith('random-'));
  assert.ok(random.length >= 4);
  assert.ok(names.reduce((ops, name) => ops + recording(name).ops.length, 0) > 4000);
});

for (const [model, create] of Object.entries(MODELS)) {
  for (const name of names) {
    test(`${model} answers ${name} as the real kernel did`, () => {
      const { ops, answers } = recording(name);
      const backend = create(MODEL_OPTIONS);
      try {
        const found = contradiction(backend, ops, answers);
        if (found !== undefined) {
          assert.deepEqual(found.model, found.kernel, `op ${found.i}: ${shown(ops, found.i)}`);
        }
        assert.deepEqual(backend.verify(), []);
      } finally {
        backend.close();
      }
    });
  }
}

test('an answer that is not the kernel’s is seen', () => {
  const { ops, answers } = recording('set-memory-region');
  const changed = answers.findIndex((answer) => answer.errno === 'EEXIST');
  const wrong = answers.map((answer, i) => (i === changed ? { ...answer, errno: 'EINVAL' } : answer));
  const backend = createReferenceBackend(MODEL_OPTIONS);
  assert.equal(contradiction(backend, ops, wrong)?.i, changed);
  backend.close();
});

test('a seed always gives the same stream', () => {
  assert.deepEqual(randomStream(7, 300), randomStream(7, 300));
  assert.notDeepEqual(randomStream(7, 300), randomStream(8, 300));
  assert.deepEqual(randomStream(7, 500).slice(0, 300), randomStream(7, 300));
});
