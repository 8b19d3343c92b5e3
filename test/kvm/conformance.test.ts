/** The real kernel against both simulated engines: at least 50 000 random ops, every answer compared. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { contradiction, fieldsOf, kernelAnswers, minimise } from '../../lib/conform/judge.js';
import { randomStream } from '../../lib/conform/random-stream.js';
import { SELFTESTS, selftest } from '../../lib/conform/selftests.js';
import type { Backend, BackendOptions } from '../../lib/engine/backend.js';
import { createNativeBackend } from '../../lib/engine/native.js';
import { formatOp } from '../../lib/ops/jsonl.js';
import { OpRecords, type RecordFields } from '../../lib/ops/records.js';
import { OpStream } from '../../lib/ops/stream.js';
import { PRESETS } from '../../lib/policy/presets.js';
import { createReferenceBackend } from '../../lib/reference/backend.js';
import { SKIP_VCPU, withKernel } from './support.js';

const STREAMS = 26;
const OPS = 2000;
const OPTIONS: BackendOptions = {
  knobs: PRESETS['mainline-6.18'].knobs,
  arch: 'none',
  memoryBytes: 2 ** 34,
  contents: true,
  residentLimitBytes: 2 ** 31,
  seed: 0,
};
const MODELS: Readonly<Record<string, (options: BackendOptions) => Backend>> = {
  reference: createReferenceBackend,
  native: createNativeBackend,
};

/** Asks the kernel, then every model; fails with the shortest stream that shows a difference. @returns answered ops. */
function judge(ops: readonly RecordFields[]): number {
  const answers = withKernel((kernel) => {
    const all = kernelAnswers(kernel, ops);
    assert.deepEqual(kernel.verify(), []);
    return all;
  });
  for (const [name, create] of Object.entries(MODELS)) {
    const differs = (tried: readonly RecordFields[], known?: typeof answers) => {
      const said = known ?? withKernel((kernel) => kernelAnswers(kernel, tried));
      const model = create(OPTIONS);
      try {
        return contradiction(model, tried, said);
      } finally {
        model.close();
      }
    };
    const found = differs(ops, answers);
    if (found === undefined) continue;
    const short = minimise(ops.slice(0, found.i + 1), (tried) => differs(tried) !== undefined);
    const last = differs(short) ?? found;
    assert.deepEqual(last.model, last.kernel, `${name} contradicts the kernel at the end of:\n${lines(short)}`);
  }
  return answers.filter((answer) => answer !== null).length;
}

function lines(ops: readonly RecordFields[]): string {
  const records = new OpRecords();
  for (const fields of ops) records.appendFields(fields);
  const stream = new OpStream(records);
  return ops.map((_, i) => formatOp(stream, i)).join('\n');
}

for (const name of Object.keys(SELFTESTS)) {
  test(`the kernel and the models agree on ${name}`, { skip: SKIP_VCPU }, () => {
    const ops = fieldsOf(selftest(name));
    assert.equal(judge(ops), ops.length);
  });
}

test(`the kernel and the models agree on ${STREAMS} random streams`, { skip: SKIP_VCPU }, (context) => {
  const seed = Number(process.env.GMEM_SEED ?? 5);
  let answered = 0;
  for (let stream = 0; stream < STREAMS; stream += 1) answered += judge(randomStream(seed * 1000 + stream, OPS));
  context.diagnostic(`seed ${seed}: ${answered} ops answered by the kernel`);
  assert.ok(answered >= 50_000);
});

test('a stream that differs is made short', () => {
  const ops = randomStream(1, 200);
  const needed = [ops[20], ops[120]] as RecordFields[];
  const short = minimise(ops, (tried) => needed.every((fields) => tried.includes(fields)));
  assert.deepEqual(short, needed);
});
