/**
 * The document a run of the benchmarks writes, and every figure in it by name. Sections are arrays of named results; a new one
 * needs nothing here.
 */
import type { Timing } from './measure.js';

export const BENCH_SCHEMA = 'gmem.bench/1';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly kernel: string;
  readonly node: string;
  /** Instruction set that the engine's scans chose. */
  readonly simd: string;
  readonly transparent_hugepages: string;
  /** One-minute load average when the run began: what else ran. */
  readonly load: number;
}

/** A result of any section: its medians under the names that end in `_ns` or `_bytes`. */
export interface Result {
  readonly name: string;
  readonly operation?: string;
  readonly operations?: number;
  readonly median_ns?: number;
  readonly median_bytes?: number;
  readonly [figure: string]: unknown;
}

export interface BenchDocument {
  readonly schema: typeof BENCH_SCHEMA;
  /** When the run began, ISO 8601. */
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly sections: Readonly<Record<string, readonly Result[]>>;
}

/** A median by its name; undefined where no such benchmark ran. */
export type Figures = (id: string) => number | undefined;

/**
 * Every median by name: `section/name` or `section/name: operation`; with engines side by side `… (native)` and so on; how many
 * operations a figure is of: `… (operations)`.
 */
export function figuresOf({ sections }: BenchDocument): Figures {
  const figures = new Map<string, number>();
  for (const [section, results] of Object.entries(sections)) {
    for (const result of results) {
      const id = `${section}/${result.name}${result.operation === undefined ? '' : `: ${result.operation}`}`;
      const median = result.median_ns ?? result.median_bytes;
      if (median !== undefined) figures.set(id, median);
      if (result.operations !== undefined) figures.set(`${id} (operations)`, result.operations);
      for (const [engine, timing] of Object.entries(result)) {
        const each = (timing as Partial<Timing> | null)?.median_ns;
        if (each !== undefined) figures.set(`${id} (${engine})`, each);
      }
    }
  }
  return (id) => figures.get(id);
}
