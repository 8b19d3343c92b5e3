/**
 * Long runs of the public engine: in batches, between which the event loop turns (pace.ts).
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
import { Pace } from './pace.js';

export interface RunOptions {
  /** Keep every outcome: 40 bytes an op. Default false. */
  readonly outcomes?: boolean;
  readonly signal?: AbortSignal;
  /** Called between batches, each time the event loop is about to turn, and at the end. */
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
  const pace = new Pace();
  for (let done = 0; done < total; ) {
    if (signal?.aborted) {
      throw new GmemError('ERR_GMEM_ABORTED', `aborted after ${done} of ${total} ops`, { cause: signal.reason });
    }
    const count = Math.min(pace.batch, total - done);
    const into = outcomes?.bytes.subarray(done * OUTCOME_BYTES, (done + count) * OUTCOME_BYTES) ?? null;
    pace.run(count, () => open().run(records.bytes, done, count, into));
    done += count;
    if (pace.due || done === total) {
      onProgress?.({ done, total });
      await pace.turn();
    }
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
