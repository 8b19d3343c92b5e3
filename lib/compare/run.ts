/**
 * Runs ops on one backend: in batches, so that an interrupt is heard and progress is seen, with the clock running
 * only while the engine works. Where batches end depends on the machine; what the engine answers does not.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Backend } from '../engine/backend.js';
import { OutcomeRecords } from '../ops/outcomes.js';
import type { OpSource } from '../ops/source.js';
import { outcomeLines } from './outcome-lines.js';
import type { Timeline } from './results.js';
import { TimelineSampler } from './timeline.js';

/** Takes whole lines of JSON; a promise holds the run back until the lines are on their way. */
export type OutcomeSink = (lines: string) => void | Promise<void>;

export interface RunOptions {
  /** Ends the run at the next chunk; what ran until then is kept. */
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
  outcomes?: OutcomeSink | undefined;
  /** Points of the timeline; 0 or absent: none. */
  samples?: number | undefined;
}

export interface RunReport {
  /** Ops that ran. */
  ops: number;
  interrupted: boolean;
  /** Nanoseconds inside the engine. */
  engineNs: number;
  timeline: Timeline | undefined;
}

const FIRST_CHUNK = 512;
const LARGEST_CHUNK = 1 << 20;
const LARGEST_CHUNK_WITH_OUTCOMES = 1 << 14;
/** A chunk that took less is doubled, one that took four times this is halved. */
const CHUNK_NS = 8_000_000;

export async function runStream(backend: Backend, source: OpSource, options: RunOptions = {}): Promise<RunReport> {
  const { signal, onProgress, outcomes: sink } = options;
  const total = source.length;
  const largest = sink === undefined ? LARGEST_CHUNK : LARGEST_CHUNK_WITH_OUTCOMES;
  const outcomes = sink === undefined ? undefined : new OutcomeRecords(largest);
  const sampler = options.samples ? new TimelineSampler(backend, source, options.samples) : undefined;

  let done = 0;
  let batch = FIRST_CHUNK;
  let engineNs = 0;
  let sinceTurn = 0;
  for (const chunk of source.chunks()) {
    const { stream, start } = chunk;
    const chunkEnd = start + stream.length;
    while (done < chunkEnd && signal?.aborted !== true) {
      const end = Math.min(done + batch, chunkEnd, sampler?.next ?? total);
      const first = done - start;
      const started = process.hrtime.bigint();
      backend.run(stream.records.bytes, first, end - done, outcomes === undefined ? null : outcomes.bytes);
      const took = Number(process.hrtime.bigint() - started);
      engineNs += took;
      sinceTurn += took;
      if (outcomes !== undefined && sink !== undefined) {
        await sink(outcomeLines(stream.records, outcomes, first, end - start, start));
      }
      const whole = end - done === batch;
      done = end;
      sampler?.pass(chunk, done);
      if (sampler !== undefined && done >= sampler.next) sampler.sample(done);
      if (took > 4 * CHUNK_NS) batch = Math.max(1, batch >> 1);
      else if (whole && took < CHUNK_NS) batch = Math.min(largest, batch * 2);
      if (sinceTurn > CHUNK_NS) {
        sinceTurn = 0;
        onProgress?.(done, total);
        await nextTurn();
      }
    }
    if (signal?.aborted === true) break;
  }
  onProgress?.(done, total);
  return { ops: done, interrupted: done < total, engineNs, timeline: sampler?.finish(done) };
}
