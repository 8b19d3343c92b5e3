/**
 * How many ops go to an engine in one call, and when the event loop turns: batches grow while they are short and shrink
 * when they are long, so that a signal or a progress line gets through and the calls themselves cost nothing. Batch sizes
 * never show in a result.
 *
 * Invariants: 1 <= `batch` <= the largest; `engineNs` is the time inside `run` and nothing else.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

const FIRST_BATCH = 1024;
/** Ops of the largest batch, 40 MiB of records. */
export const LARGEST_BATCH = 2 ** 20;
/** A batch that took less is doubled, one that took four times this is halved; the loop turns about this often. */
const SLICE_NS = 8_000_000;

export class Pace {
  /** Ops the next batch may have. */
  batch: number;
  /** Nanoseconds inside the batches so far. */
  engineNs = 0;
  readonly #largest: number;
  readonly #now: () => bigint;
  /** As if much had run: the loop turns after the first batch, so that whoever starts a run can still stop it. */
  #sinceTurn = Number.POSITIVE_INFINITY;

  /** @param now clock in nanoseconds. */
  constructor(largest = LARGEST_BATCH, now: () => bigint = process.hrtime.bigint) {
    this.#largest = largest;
    this.#now = now;
    this.batch = Math.min(FIRST_BATCH, largest);
  }

  /** Runs one batch of `ops` under the clock. A batch that had to be smaller than `batch` does not make the next larger. */
  run(ops: number, work: () => void): void {
    const started = this.#now();
    work();
    const took = Number(this.#now() - started);
    this.engineNs += took;
    this.#sinceTurn += took;
    if (took > 4 * SLICE_NS) this.batch = Math.max(1, this.batch >> 1);
    else if (took < SLICE_NS && ops === this.batch) this.batch = Math.min(this.#largest, this.batch * 2);
  }

  /** Time inside the engine while the event loop turned. */
  spent(nanoseconds: number): void {
    this.engineNs += nanoseconds;
    this.#sinceTurn = 0;
  }

  /** The event loop has waited long enough. */
  get due(): boolean {
    return this.#sinceTurn > SLICE_NS;
  }

  /** Lets the event loop turn once. */
  async turn(): Promise<void> {
    this.#sinceTurn = 0;
    await nextTurn();
  }
}
