/**
 * One scenario run several times with one key of it at several values: one document, a row a policy and value.
 */
import type { Arch } from '../spec/knobs.js';
import type { PolicyResult, ResultsDocument } from './results.js';

/** A key of a scenario and the values it takes, as written. */
export interface Sweep {
  readonly key: string;
  readonly values: readonly string[];
}

/** What options gave every value of a sweep alike; the scenario says the rest, and it may be another for each. */
export interface GivenSettings {
  readonly arch?: Arch | undefined;
  readonly memory_bytes?: number | undefined;
}

export interface SweepStep {
  readonly value: string;
  readonly document: ResultsDocument;
}

/** `key=value`, as a scenario takes it. */
export function settingText(sweep: Sweep, value: string): string {
  return `${sweep.key}=${value}`;
}

/**
 * The runs of a sweep as one document: rows of a policy stand together, in the order of the values. What the document says of
 * input and settings is of the first value; every row tells the setting and the ops that were its own.
 */
export function sweptDocument(
  sweep: Sweep,
  steps: readonly SweepStep[],
  { arch, memory_bytes }: GivenSettings = {},
): ResultsDocument {
  const [first] = steps;
  if (first === undefined) throw new RangeError('a sweep of no values');
  const results: PolicyResult[] = [];
  for (const { policy } of first.document.results) {
    for (const { value, document } of steps) {
      const row = document.results.find((result) => result.policy === policy);
      if (row !== undefined) results.push({ ...row, setting: settingText(sweep, value) });
    }
  }
  const interrupted = steps.some(({ document }) => document.interrupted);
  return {
    ...first.document,
    sweep: {
      key: sweep.key,
      values: [...sweep.values],
      ...(arch === undefined ? {} : { arch }),
      ...(memory_bytes === undefined ? {} : { memory_bytes }),
    },
    ...(interrupted ? { interrupted: true } : {}),
    results,
  };
}
