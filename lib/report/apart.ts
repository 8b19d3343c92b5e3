/**
 * What makes the numbers of two documents no comparison: every key in which their inputs, settings, sweeps or costs differ, with
 * both values. The name of a file, the machine and its times do not.
 */
import type { ResultsDocument } from '../compare/results.js';
import { shown } from '../ops/problems.js';
import { pathText } from './schema.js';

export interface Difference {
  /** As messages write it: `settings.seed`. */
  readonly key: string;
  /** Values, fit for a message; of a key that is not there `missing`. */
  readonly one: string;
  readonly other: string;
}

export function differences(one: ResultsDocument, other: ResultsDocument): Difference[] {
  const found: Difference[] = [];
  walk(aspects(one), aspects(other), [], found);
  return found;
}

function aspects({ input, settings, sweep, cost_table }: ResultsDocument): object {
  // How many guests there are follows from the input, and earlier versions did not say it.
  const { path: _, guests: __, guest_bytes_peak: ___, ...same } = input;
  return { input: same, settings, sweep, cost_table };
}

function walk(one: unknown, other: unknown, path: readonly (string | number)[], found: Difference[]): void {
  if (Object.is(one, other)) return;
  if (isNode(one) && isNode(other) && Array.isArray(one) === Array.isArray(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      walk(one[key], other[key], [...path, Array.isArray(one) ? Number(key) : key], found);
    }
    return;
  }
  const said = (value: unknown): string => (value === undefined ? 'missing' : shown(value));
  found.push({ key: pathText(path), one: said(one), other: said(other) });
}

function isNode(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
