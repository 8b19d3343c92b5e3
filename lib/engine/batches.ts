/**
 * How ops get to an engine: short batches in this thread, between which the event loop turns; and what may take long on
 * threads of the engine's own, which an AbortSignal reaches inside an op. Where a batch ends never shows in a result.
 */

import { OUTCOME_BYTES } from '../spec/outcomes.js';
import { MAX_VCPU_THREADS } from '../spec/vcpus.js';
import { argumentError, toInteger } from './arguments.js';
import type { Backend, EngineKind } from './backend.js';
import { LARGEST_BATCH, Pace } from './pace.js';

const PROGRESS_MS = 50;

/**
 * The threads asked for, checked.
 *
 * @param what they are called in messages.
 *
 * @throws GmemError `ERR_GMEM_ARGUMENT` for what is no number of threads, or more than one on an engine without threads.
 */
export function toVcpus(engine: EngineKind, value: unknown, what = 'vcpus'): number {
  const vcpus = toInteger(what, value === undefined ? 1 : value, 1, MAX_VCPU_THREADS);
  if (vcpus > 1 && engine !== 'native') {
    const reason =
      engine === 'kvm'
        ? 'the kvm engine runs each op to its end in the kernel before the next'
        : `the ${engine} engine is one thread`;
    throw argumentError(`${what}: ${vcpus} is not accepted: ${reason}; accepted: 1, or engine native`);
  }
  return vcpus;
}

export class Batches {
  readonly #open: () => Backend;
  readonly #vcpus: number;
  readonly #signal: AbortSignal | undefined;
  readonly #pace: Pace;

  /**
   * @param open gives the backend, or throws once it is closed.
   * @param vcpus threads, from `toVcpus`.
   * @param largest most ops of a batch.
   */
  constructor(open: () => Backend, vcpus: number, signal: AbortSignal | undefined, largest = LARGEST_BATCH) {
    this.#open = open;
    this.#vcpus = vcpus;
    this.#signal = signal;
    this.#pace = new Pace(largest);
    if (vcpus > 1) this.#pace.batch = largest;
  }

  /** Nanoseconds inside the engine so far. */
  get engineNs(): number {
    return this.#pace.engineNs;
  }

  /** Ops the next batch may have. */
  get size(): number {
    return this.#pace.batch;
  }

  /** The event loop has waited long enough. */
  get due(): boolean {
    return this.#pace.due;
  }

  turn(): Promise<void> {
    return this.#pace.turn();
  }

  /**
   * Runs records [first, first + count), `count` at most `size`; outcome i goes to record i of `outcomes`.
   *
   * @returns ops run: fewer than `count` where the batch ended before an op that may take long, or where the signal fired;
   * a promise of them where threads of the engine are at work.
   */
  run(
    records: Uint8Array,
    first: number,
    count: number,
    outcomes: Uint8Array | null,
    onProgress: (ops: number) => void,
  ): number | Promise<number> {
    const backend = this.#open();
    if (this.#vcpus > 1) return this.#onThreads(backend, records, first, count, outcomes, onProgress);
    if (backend.runUntilLong === undefined) {
      this.#pace.run(count, () => backend.run(records, first, count, outcomes));
      return count;
    }
    let ran = 0;
    const short = backend.runUntilLong.bind(backend);
    this.#pace.run(count, () => {
      ran = short(records, first, count, outcomes);
    });
    if (ran > 0) return ran;
    return this.#onThreads(backend, records, first, 1, outcomes?.subarray(0, OUTCOME_BYTES) ?? null, onProgress);
  }

  async #onThreads(
    backend: Backend,
    records: Uint8Array,
    first: number,
    count: number,
    outcomes: Uint8Array | null,
    onProgress: (ops: number) => void,
  ): Promise<number> {
    const signal = this.#signal;
    if (signal?.aborted || backend.runAsync === undefined) return 0;
    const run = backend.runAsync(records, first, count, outcomes, this.#vcpus);
    const abort = (): void => run.abort();
    signal?.addEventListener('abort', abort);
    let thrown: { readonly error: unknown } | undefined;
    const timer = setInterval(() => {
      if (thrown !== undefined) return;
      try {
        onProgress(run.progress());
      } catch (error) {
        thrown = { error };
        run.abort();
      }
    }, PROGRESS_MS);
    try {
      const { ops, tookNs } = await run.done;
      this.#pace.spent(tookNs);
      if (thrown !== undefined) throw thrown.error;
      return ops;
    } finally {
      clearInterval(timer);
      signal?.removeEventListener('abort', abort);
    }
  }
}
