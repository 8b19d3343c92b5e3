/**
 * Conformance: op streams on the running kernel and on the models, up to the first answer that differs, and the shortest
 * stream that shows it.
 */
import type { Backend, BackendOptions } from '../engine/backend.js';
import { createBackend } from '../engine/create.js';
import { KvmBackend } from '../kvm/backend.js';
import type { RecordFields } from '../ops/records.js';
import { PRESETS } from '../policy/presets.js';
import { contradiction, kernelAnswers, minimise } from './judge.js';
import type { KnownAnswer } from './known.js';

/** What is held against the kernel: the simulated engines. */
export type Models = Readonly<Record<string, (options: BackendOptions) => Backend>>;
export const MODELS: Models = {
  reference: (options) => createBackend('reference', options),
  native: (options) => createBackend('native', options),
};

/** One stream and what to call it. */
export interface NamedStream {
  readonly name: string;
  readonly ops: readonly RecordFields[];
}

export interface Finding {
  readonly stream: string;
  readonly model: string;
  /** A short stream whose last op the model answers otherwise. */
  readonly ops: readonly RecordFields[];
  readonly kernel: KnownAnswer;
  readonly answer: KnownAnswer;
}

export interface ConformResult {
  readonly streams: number;
  readonly ops: number;
  /** Ops the kernel answered, and both sides were compared on. */
  readonly answered: number;
  readonly interrupted: boolean;
  readonly finding: Finding | undefined;
}

export interface ConformOptions {
  readonly models?: Models;
  /** What the kvm engine may take of this machine. */
  readonly residentLimitBytes?: number;
  readonly signal?: AbortSignal;
  /** After each stream. */
  readonly onProgress?: (done: { streams: number; ops: number }) => void;
}

const RESIDENT_LIMIT_BYTES = 2 ** 30;
/** A model of the running kernel. */
export const MODEL_OPTIONS: BackendOptions = {
  knobs: PRESETS['mainline-6.18'].knobs,
  arch: 'none',
  memoryBytes: 2 ** 34,
  contents: true,
  residentLimitBytes: 2 ** 31,
  seed: 0,
};

/**
 * Runs the streams one after the other, each on engines of its own.
 *
 * @throws GmemError `ERR_GMEM_HOST` where the kvm engine cannot run.
 */
export async function conform(streams: Iterable<NamedStream>, options: ConformOptions = {}): Promise<ConformResult> {
  const { models = MODELS, residentLimitBytes = RESIDENT_LIMIT_BYTES, signal } = options;
  const result = { streams: 0, ops: 0, answered: 0, interrupted: false, finding: undefined as Finding | undefined };
  for (const { name, ops } of streams) {
    const answers = askKernel(ops, residentLimitBytes);
    for (const [model, create] of Object.entries(models)) {
      result.finding ??= judge({ name, ops }, answers, model, create, residentLimitBytes);
    }
    result.streams += 1;
    result.ops += ops.length;
    result.answered += answers.filter((answer) => answer !== null).length;
    options.onProgress?.(result);
    if (result.finding !== undefined) break;
    // A signal is only seen between turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    result.interrupted = signal?.aborted === true;
    if (result.interrupted) break;
  }
  return result;
}

function askKernel(ops: readonly RecordFields[], residentLimitBytes: number): (KnownAnswer | null)[] {
  return using(new KvmBackend({ residentLimitBytes }), (kernel) => kernelAnswers(kernel, ops));
}

function judge(
  { name, ops }: NamedStream,
  answers: readonly (KnownAnswer | null)[],
  model: string,
  create: Models[string],
  residentLimitBytes: number,
): Finding | undefined {
  const differs = (tried: readonly RecordFields[], known: readonly (KnownAnswer | null)[]) =>
    using(create(MODEL_OPTIONS), (backend) => contradiction(backend, tried, known));
  const found = differs(ops, answers);
  if (found === undefined) return undefined;
  const again = (tried: readonly RecordFields[]) => differs(tried, askKernel(tried, residentLimitBytes));
  const short = minimise(ops.slice(0, found.i + 1), (tried) => again(tried) !== undefined);
  const last = again(short);
  // A difference that does not come back is shown as it was first seen.
  if (last === undefined) {
    return { stream: name, model, ops: ops.slice(0, found.i + 1), kernel: found.kernel, answer: found.model };
  }
  return { stream: name, model, ops: short.slice(0, last.i + 1), kernel: last.kernel, answer: last.model };
}

function using<B extends Backend, T>(backend: B, use: (backend: B) => T): T {
  try {
    return use(backend);
  } finally {
    backend.close();
  }
}
