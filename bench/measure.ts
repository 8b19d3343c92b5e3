/**
 * Medians by tinybench: a fixed number of iterations after one that does not count, with the state made outside the timed part.
 * What is timed but once is so long that it warms itself.
 */
import { Bench } from 'tinybench';

/** One thing to time. `work` is timed; `before` and `after` surround every iteration, the warm-up included. */
export interface Subject {
  readonly name: string;
  readonly before?: () => void;
  readonly work: () => void;
  readonly after?: () => void;
}

/** Nanoseconds an operation, over the iterations. */
export interface Timing {
  readonly median_ns: number;
  readonly least_ns: number;
  readonly most_ns: number;
}

/**
 * Times the subjects, one after the other, in one run.
 *
 * @param operations operations one call of `work` does; the figures are divided by it.
 * @returns a timing a subject, in their order.
 */
export async function measure(subjects: readonly Subject[], operations: number, iterations: number): Promise<Timing[]> {
  const bench = new Bench({
    time: 0,
    iterations,
    warmup: iterations > 1,
    warmupTime: 0,
    warmupIterations: 1,
    throws: true,
  });
  for (const { name, before, work, after } of subjects) {
    bench.add(name, work, { async: false, beforeEach: () => before?.(), afterEach: () => after?.() });
  }
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (!('latency' in result)) throw new Error(`${name}: ${result.state}`);
    const each = (milliseconds: number) => (milliseconds * 1e6) / operations;
    const { p50, min, max } = result.latency;
    return { median_ns: each(p50), least_ns: each(min), most_ns: each(max) };
  });
}
