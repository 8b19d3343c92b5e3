/**
 * Records the running kernel's answers, for test/conformance:
 *
 *     node dist/lib/conform/record.js OUT_DIR [OPS_A_STREAM [SEED ...]]
 *
 * Writes NAME.jsonl (ops) and NAME.outcomes.jsonl (what the kernel answered, the part userspace can know) for every selftest
 * table and for one random stream a seed, and kernel.json with the kernel that answered. Ops it had no answer for are left out.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { KvmBackend } from '../kvm/backend.js';
import { formatJsonl } from '../ops/jsonl.js';
import { OpRecords, type RecordFields } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import { fieldsOf, kernelAnswers } from './judge.js';
import { randomStream } from './random-stream.js';
import { SELFTESTS, selftest } from './selftests.js';

const DEFAULT_OPS = 1000;
const DEFAULT_SEEDS = [618, 619, 620, 621];
const RESIDENT_LIMIT_BYTES = 2 ** 30;

/** One stream as recorded: the text of both files. */
interface Recording {
  readonly ops: string;
  readonly outcomes: string;
}

/** Asks the kernel, each stream with an engine of its own. */
function recordStream(ops: readonly RecordFields[]): Recording {
  const kernel = new KvmBackend({ residentLimitBytes: RESIDENT_LIMIT_BYTES });
  try {
    const records = new OpRecords(ops.length);
    const lines: string[] = [];
    for (const [i, answer] of kernelAnswers(kernel, ops).entries()) {
      if (answer === null) continue;
      lines.push(JSON.stringify({ i: records.length, ...answer }));
      records.appendFields(ops[i] as RecordFields);
    }
    return { ops: formatJsonl(new OpStream(records)), outcomes: `${lines.join('\n')}\n` };
  } finally {
    kernel.close();
  }
}

function main(out: string, count: number, seeds: readonly number[]): void {
  mkdirSync(out, { recursive: true });
  const streams = [
    ...Object.keys(SELFTESTS).map((name) => [name, fieldsOf(selftest(name))] as const),
    ...seeds.map((seed) => [`random-${seed}`, randomStream(seed, count)] as const),
  ];
  for (const [name, ops] of streams) {
    const recording = recordStream(ops);
    writeFileSync(path.join(out, `${name}.jsonl`), recording.ops);
    writeFileSync(path.join(out, `${name}.outcomes.jsonl`), recording.outcomes);
  }
  const kernel = new KvmBackend({ residentLimitBytes: RESIDENT_LIMIT_BYTES });
  const { capabilities } = kernel;
  kernel.close();
  const about = {
    release: /^[\d.]+/.exec(os.release())?.[0],
    arch: os.arch(),
    recorded: new Date().toISOString().slice(0, 10),
    capabilities,
  };
  writeFileSync(path.join(out, 'kernel.json'), `${JSON.stringify(about, null, 2)}\n`);
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [out, count, ...seeds] = process.argv.slice(2);
  const numbers = [count ?? DEFAULT_OPS, ...seeds].map(Number);
  if (out === undefined || numbers.some((n) => !Number.isSafeInteger(n) || n < 0)) {
    process.stderr.write('usage: record OUT_DIR [OPS_A_STREAM [SEED ...]]\n');
    process.exit(2);
  }
  try {
    main(out, numbers[0] as number, seeds.length > 0 ? numbers.slice(1) : DEFAULT_SEEDS);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
