/**
 * Ops in their JSON shape in, outcomes in theirs out, on any backend.
 */
import type { Backend, BackendOptions } from '../../lib/engine/backend.js';
import { PageView } from '../../lib/engine/pages.js';
import { appendOp, type OpProblem } from '../../lib/ops/encode.js';
import { type Outcome, OutcomeRecords } from '../../lib/ops/outcomes.js';
import { OpStream } from '../../lib/ops/stream.js';
import { PRESETS } from '../../lib/policy/presets.js';
import { COUNTER_NAMES, type CounterName, type Counters } from '../../lib/spec/counters.js';
import { errnoName } from '../../lib/spec/errnos.js';
import type { Knobs } from '../../lib/spec/knobs.js';
import type { OpName } from '../../lib/spec/ops.js';
import { PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';

/** An op as a line of an op stream has it. */
export type Op = { readonly op: OpName } & { readonly [key: string]: unknown };

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
export const PAGE = 4 * KiB;
export const HUGE = 2 * MiB;

/** The knobs of base-bitmap, which has none switched on, with those that differ. */
export function knobs(differing: Partial<Knobs> = {}): Knobs {
  return { ...PRESETS['base-bitmap'].knobs, ...differing };
}

/** Options of a small engine with contents. */
export function options(differing: Partial<BackendOptions> = {}): BackendOptions {
  return {
    knobs: knobs(),
    arch: 'none',
    memoryBytes: 64 * MiB,
    contents: true,
    residentLimitBytes: 256 * MiB,
    seed: 1,
    ...differing,
  };
}

/** Runs the ops as one batch. */
export function runOps(backend: Backend, ops: readonly Op[]): Outcome[] {
  const stream = new OpStream();
  const problems: OpProblem[] = [];
  for (const op of ops) appendOp(stream, op, problems);
  if (problems.length > 0) throw new Error(problems.map(({ key, message }) => `${key}: ${message}`).join('\n'));
  const outcomes = new OutcomeRecords(ops.length);
  backend.run(stream.records.bytes, 0, ops.length, outcomes.bytes);
  return ops.map((op, i) => outcomes.decode(i, op.op));
}

export function countersOf(backend: Backend): Counters {
  const values = new Float64Array(COUNTER_NAMES.length);
  backend.counters(values);
  const errors = new Float64Array(256);
  backend.errors(errors);
  const byName = Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, values[i]])) as Record<CounterName, number>;
  const counters: Counters = Object.assign(byName, { errors: {} });
  errors.forEach((times, number) => {
    if (times > 0) counters.errors[errnoName(number)] = times;
  });
  return counters;
}

/** Pages [first, first + count) of an open file. */
export function viewOf(backend: Backend, gmem: number, first: number, count: number): PageView {
  const words = new Uint32Array(count * PAGE_VIEW_WORDS);
  if (!backend.pageView(gmem, first, count, words)) throw new Error(`gmem ${gmem} is not open`);
  return new PageView(first, words);
}
