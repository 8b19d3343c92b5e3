/**
 * Runs ops on one backend: in batches, so that an interrupt is heard and progress is seen, with the clock running
 * only while the engine works. Where batches end depends on the machine; what the engine answers does not.
 */
import type { Backend } from '../engine/backend.js';
import { Batches } from '../engine/batches.js';
import { LARGEST_BATCH } from '../engine/pace.js';
import { OutcomeRecords } from '../ops/outcomes.js';
import type { OpSource } from '../ops/source.js';
import { outcomeLines } from './outcome-lines.js';
import type { Timeline } from './results.js';
import { SetUp, type SetUpFailure } from './set-up.js';
import { TimelineSampler } from './timeline.js';

/** Takes whole lines of JSON; a promise holds the run back until the lines are on their way. */
export type OutcomeSink = (lines: string) => void | Promise<void>;

export interface RunOptions {
  /** Ends the run at the next batch; what ran until then is kept. */
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
  outcomes?: OutcomeSink | undefined;
  /** Threads that vCPU ops run on, checked by `toVcpus`. Default 1. */
  vcpus?: number | undefined;
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
  /** What ended the run: an op without which there is no guest. */
  failure?: SetUpFailure;
}

const LARGEST_BATCH_WITH_OUTCOMES = 1 << 14;

export async function runStream(backend: Backend, source: OpSource, options: RunOptions = {}): Promise<RunReport> {
  const { signal, onProgress, outcomes: sink } = options;
  const total = source.length;
  const largest = sink === undefined ? LARGEST_BATCH : LARGEST_BATCH_WITH_OUTCOMES;
  const outcomes = sink === undefined ? undefined : new OutcomeRecords(largest);
  const sampler = options.samples ? new TimelineSampler(backend, source, options.samples) : undefined;

  const setUp = source.makesGuests ? new SetUp() : undefined;
  let failure: SetUpFailure | undefined;
  let done = 0;
  const batches = new Batches(() => backend, options.vcpus ?? 1, signal, largest);
  for await (const chunk of source.chunksAhead?.() ?? source.chunks()) {
    const { stream, start } = chunk;
    const chunkEnd = start + stream.length;
    while (done < chunkEnd && signal?.aborted !== true) {
      const first = done - start;
      const before = done;
      const room = Math.min(done + batches.size, chunkEnd, sampler?.next ?? total) - done;
      const most = setUp?.batch(stream.records, first, room) ?? room;
      const makes = setUp?.isPart(stream.records, first) ? setUp.outcomes : undefined;
      const kept = outcomes ?? makes;
      const running = batches.run(stream.records.bytes, first, most, kept?.bytes ?? null, (ops) =>
        onProgress?.(before + ops, total),
      );
      const ran = typeof running === 'number' ? running : await running;
      // Told to end, threads have gone unequally far: which outcomes of the batch are there is not known.
      const whole = (options.vcpus ?? 1) === 1 || ran === most;
      if (outcomes !== undefined && sink !== undefined && whole) {
        await sink(outcomeLines(stream.records, outcomes, first, first + ran, start));
      }
      done += ran;
      if (makes !== undefined && kept !== undefined && ran > 0 && kept.errno(0) !== 0) {
        failure = { op: stream.records.read(first), errno: kept.errno(0) };
        break;
      }
      sampler?.pass(chunk, done);
      if (sampler !== undefined && done >= sampler.next) sampler.sample(done);
      if (batches.due) {
        onProgress?.(done, total);
        await batches.turn();
      }
    }
    if (failure !== undefined || signal?.aborted === true) break;
  }
  if (failure !== undefined) {
    return { ops: done, interrupted: false, engineNs: batches.engineNs, timeline: undefined, failure };
  }
  onProgress?.(done, total);
  return { ops: done, interrupted: done < total, engineNs: batches.engineNs, timeline: sampler?.finish(done) };
}
