/**
 * Long runs of the public engine: in batches, between which the event loop turns (pace.ts).
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { OpBuilder, type OpInput } from '../ops/builder.js';
import { OutcomeRecords } from '../ops/outcomes.js';
import { findBadRecord } from '../ops/record-check.js';
import { checkHeld, OpRecords } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import { OUTCOME_BYTES } from '../spec/outcomes.js';
import { argumentError, checkKeys, orDefault, toBoolean } from './arguments.js';
import type { Backend } from './backend.js';
import { Batches, toVcpus } from './batches.js';
import { GmemError } from './error.js';

/** Records looked at between two turns of the event loop, before the first op runs: about 20 ms. */
const CHECKED_AT_ONCE = 2 ** 20;

export interface RunOptions {
  /** Keep every outcome: 40 bytes an op. Default false. */
  readonly outcomes?: boolean;
  readonly signal?: AbortSignal;
  /**
   * Threads that vCPU ops run on, 1 to 64; more than 1 on the native engine only. Default 1. What is and what is not
   * the same on any number of them is in docs/threads.md.
   */
  readonly vcpus?: number;
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
  checkKeys('run options', options, ['outcomes', 'signal', 'vcpus', 'onProgress']);
  const { signal, onProgress } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw argumentError('signal: accepted: an AbortSignal');
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw argumentError('onProgress: accepted: a function');
  }
  const records = recordsOf(stream);
  checkHeld(records);
  const total = records.length;
  const bytes = records.bytes;
  const endIfAborted = (done: number): void => {
    if (!signal?.aborted) return;
    throw new GmemError('ERR_GMEM_ABORTED', `aborted after ${done} of ${total} ops`, { cause: signal.reason });
  };
  for (let first = 0; first < total; first += CHECKED_AT_ONCE) {
    if (first > 0) {
      await nextTurn();
      endIfAborted(0);
      checkHeld(records);
    }
    const bad = findBadRecord(bytes, first, Math.min(total, first + CHECKED_AT_ONCE));
    if (bad !== undefined) throw argumentError(`record ${bad.record}: ${bad.message}`);
  }
  const outcomes = toBoolean('outcomes', orDefault(options.outcomes, false)) ? new OutcomeRecords(total) : undefined;
  const batches = new Batches(open, toVcpus(open().kind, options.vcpus), signal);
  for (let done = 0; done < total; ) {
    endIfAborted(done);
    checkHeld(records);
    const count = Math.min(batches.size, total - done);
    const into = outcomes?.bytes.subarray(done * OUTCOME_BYTES, (done + count) * OUTCOME_BYTES) ?? null;
    const before = done;
    const ran = batches.run(bytes, done, count, into, (ops) => onProgress?.({ done: before + ops, total }));
    done += typeof ran === 'number' ? ran : await ran;
    if (batches.due || done === total) {
      onProgress?.({ done, total });
      await batches.turn();
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
