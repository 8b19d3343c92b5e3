/**
 * Runs one stream on two backends and compares everything they can say: every outcome record bytewise, counters, error
 * counts, page views of all open files, file sizes, and `verify()` of both. The first difference is returned.
 */

import type { Backend, BackendOptions } from '../../lib/engine/backend.js';
import { OutcomeRecords } from '../../lib/ops/outcomes.js';
import type { RecordFields } from '../../lib/ops/records.js';
import { COUNTER_NAMES } from '../../lib/spec/counters.js';
import { errnoName } from '../../lib/spec/errnos.js';
import type { Arch, Knobs } from '../../lib/spec/knobs.js';
import { OUTCOME_BYTES } from '../../lib/spec/outcomes.js';
import { nameOf, recordsOf } from './ops.js';
import type { StreamPlan } from './random-stream.js';
import { viewDifference } from './views.js';

/** One side of a comparison. */
export interface Engine {
  readonly name: string;
  create(options: BackendOptions): Backend;
}

export type Engines = readonly [Engine, Engine];

/** A stream with the policy and the arch it runs under. */
export interface Case extends StreamPlan {
  readonly policy: string;
  readonly knobs: Knobs;
  readonly arch: Arch;
}

export interface Difference {
  readonly what: 'outcome' | 'counters' | 'errors' | 'pages' | 'verify' | 'throws';
  /** Ops that had run when it was seen: the last one is the first suspect. */
  readonly ops: number;
  readonly message: string;
}

const RESIDENT_LIMIT_BYTES = 4 * 2 ** 30;
const DEFAULT_CHUNK = 50;

export function optionsOf(plan: Case): BackendOptions {
  const { knobs, arch, memoryBytes, contents, seed } = plan;
  return { knobs, arch, memoryBytes, contents, seed, residentLimitBytes: RESIDENT_LIMIT_BYTES };
}

/**
 * Runs `plan.ops` on both engines, `chunk` ops at a time, and compares after each chunk; `verify()` runs at the end. With
 * `stepwise` the first engine gets its ops one by one, which is another way into the addon.
 *
 * @returns the first difference, or undefined.
 */
export function difference(
  engines: Engines,
  plan: Case,
  { chunk = DEFAULT_CHUNK, stepwise = false }: { chunk?: number; stepwise?: boolean } = {},
): Difference | undefined {
  const backends: Backend[] = [];
  let ops = 0;
  try {
    for (const engine of engines) backends.push(engine.create(optionsOf(plan)));
    const [left, right] = backends as [Backend, Backend];
    const records = recordsOf(plan.ops);
    const outcomes = [new OutcomeRecords(plan.ops.length), new OutcomeRecords(plan.ops.length)] as const;
    while (ops < plan.ops.length) {
      const first = ops;
      const count = Math.min(chunk, plan.ops.length - first);
      ops += count;
      const span = (side: 0 | 1) => outcomes[side].bytes.subarray(first * OUTCOME_BYTES, ops * OUTCOME_BYTES);
      if (stepwise) {
        for (let i = first; i < ops; i += 1)
          left.run(records.bytes, i, 1, span(0).subarray((i - first) * OUTCOME_BYTES));
      } else left.run(records.bytes, first, count, span(0));
      right.run(records.bytes, first, count, span(1));
      const found =
        outcomeDifference(engines, plan.ops, outcomes, first, count) ??
        stateDifference(engines, plan, ops, [left, right]);
      if (found !== undefined) return found;
    }
    const broken = backends.flatMap((backend, i) => backend.verify().map((line) => `${engines[i]?.name}: ${line}`));
    if (broken.length > 0) return { what: 'verify', ops, message: broken.join('\n') };
    return undefined;
  } catch (error) {
    return { what: 'throws', ops, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  } finally {
    for (const backend of backends) backend.close();
  }
}

function outcomeDifference(
  engines: Engines,
  ops: readonly RecordFields[],
  outcomes: readonly [OutcomeRecords, OutcomeRecords],
  first: number,
  count: number,
): Difference | undefined {
  const bytes = outcomes.map((side) => Buffer.from(side.bytes.buffer, side.bytes.byteOffset, side.bytes.byteLength));
  const [a, b] = bytes as [Buffer, Buffer];
  const end = first + count;
  if (a.compare(b, first * OUTCOME_BYTES, end * OUTCOME_BYTES, first * OUTCOME_BYTES, end * OUTCOME_BYTES) === 0)
    return undefined;
  for (let i = first; i < end; i += 1) {
    const from = i * OUTCOME_BYTES;
    const to = from + OUTCOME_BYTES;
    if (a.compare(b, from, to, from, to) === 0) continue;
    const name = nameOf(ops[i] as RecordFields);
    const lines = outcomes.map((side, s) => {
      const raw = side.bytes.subarray(from, to);
      return `  ${engines[s]?.name}: ${JSON.stringify(side.decode(i, name))} (record ${Buffer.from(raw).toString('hex')})`;
    });
    return { what: 'outcome', ops: i + 1, message: [`op ${i} (${name}) answers differ`, ...lines].join('\n') };
  }
  return undefined;
}

function stateDifference(
  engines: Engines,
  plan: Case,
  ops: number,
  backends: readonly [Backend, Backend],
): Difference | undefined {
  const [left, right] = engines;
  const sides = backends.map((backend) => {
    const counters = new Float64Array(COUNTER_NAMES.length);
    const errors = new Float64Array(256);
    backend.counters(counters);
    backend.errors(errors);
    return { counters, errors };
  });
  const table = (key: 'counters' | 'errors', name: (i: number) => string): string[] => {
    const [a, b] = sides.map((side) => side[key]) as [Float64Array, Float64Array];
    const lines: string[] = [];
    a.forEach((value, i) => {
      if (!Object.is(value, b[i])) lines.push(`  ${name(i)}: ${left.name} ${value}, ${right.name} ${b[i]}`);
    });
    return lines;
  };
  const counters = table('counters', (i) => COUNTER_NAMES[i] as string);
  if (counters.length > 0) return { what: 'counters', ops, message: ['counters differ', ...counters].join('\n') };
  const errors = table('errors', errnoName);
  if (errors.length > 0) return { what: 'errors', ops, message: ['error counts differ', ...errors].join('\n') };
  const pages = viewDifference(engines, backends, plan.ops.slice(0, ops));
  return pages === undefined ? undefined : { what: 'pages', ops, message: pages };
}
