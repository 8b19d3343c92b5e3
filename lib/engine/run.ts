/**
 * Long runs: batches sized so that the event loop turns about twenty times a second, which is what lets a signal or a
 * progress line through. Batch sizes never show in a result.
 */

import { OpBuilder, type OpInput } from '../ops/builder.js';
import { OutcomeRecords } from '../ops/outcomes.js';
import { findBadRecord } from '../ops/record-check.js';
import { OpRecords } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import { OUTCOME_BYTES } from '../spec/outcomes.js';
import { argumentError, checkKeys, toBoolean } from './arguments.js';
import type { Backend } from './backend.js';
import { GmemError } from './error.js';

export interface RunOptions {
  /** Keep every outcome: 40 bytes an op. Default false. */
  readonly outcomes?: boolean;
  readonly signal?: AbortSignal;
  /** Called between batches and at the end. */
  readonly onProgress?: (progress: RunProgress) => void;
}

export interface RunProgress {
  /** Ops run so far, and ops in the stream. */
  readonly done: number;
  readonly total: number;
}

export interface RunResult {
  /** Ops run. */
  readonly ops: number;
  /** Outcome i of the stream is record i; only when asked for. */
  readonly outcomes: OutcomeRecords | undefined;
}

const FIRST_BATCH = 1024;
const LARGEST_BATCH = 2 ** 20;
const SHORT_MS = 25;
const LONG_MS = 100;

/** Runs a stream on the backend that `open` gives; `open` throws once the engine is closed. */
export async function runRecords(
  open: () => Backend,
  stream: OpStream | OpRecords | readonly OpInput[],
  options: RunOptions,
): Promise<RunResult> {
  checkKeys('run options', options, ['outcomes', 'signal', 'onProgress']);
  const { signal, onProgress } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw argumentError('signal: accepted: an AbortSignal');
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw argumentError('onProgress: accepted: a function');
  }
  const records = recordsOf(stream);
  const total = records.length;
  const bad = findBadRecord(records.bytes, 0, total);
  if (bad !== undefined) throw argumentError(`record ${bad.record}: ${bad.message}`);
  const outcomes = toBoolean('outcomes', options.outcomes ?? false) ? new OutcomeRecords(total) : undefined;
  let batch = FIRST_BATCH;
  for (let done = 0; done < total; ) {
    if (signal?.aborted) {
      throw new GmemError('ERR_GMEM_ABORTED', `aborted after ${done} of ${total} ops`, { cause: signal.reason });
    }
    const count = Math.min(batch, total - done);
    const into = outcomes?.bytes.subarray(done * OUTCOME_BYTES, (done + count) * OUTCOME_BYTES) ?? null;
    const started = performance.now();
    open().run(records.bytes, done, count, into);
    const took = performance.now() - started;
    if (took < SHORT_MS) batch = Math.min(LARGEST_BATCH, batch * 2);
    else if (took > LONG_MS) batch = Math.max(1, batch >> 1);
    done += count;
    onProgress?.({ done, total });
    await new Promise(setImmediate);
  }
  open();
  return { ops: total, outcomes };
}

function recordsOf(stream: unknown): OpRecords {
  if (stream instanceof OpRecords) return stream;
  if (stream instanceof OpStream) return stream.records;
  if (!Array.isArray(stream)) throw argumentError('stream: accepted: an OpStream, OpRecords, or an array of ops');
  const builder = new OpBuilder();
  for (const op of stream) builder.push(op);
  return builder.stream.records;
}
