/**
 * Conditions on the results of a run, for scripts that are to stop where a design got worse: `splits_2m>700`.
 */
import { COUNTER_NAMES } from '../spec/counters.js';
import { isRun, type ResultsDocument, type RunResult, rowName } from './results.js';

/** Results a condition can be on: every counter, all refused ops, and the modelled cycles. All are of the simulation. */
export const THRESHOLD_FIGURES: readonly string[] = [...COUNTER_NAMES, 'errors', 'cycles_total'];

const COMPARISONS: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
};
export const THRESHOLD_COMPARISONS = Object.keys(COMPARISONS);

export interface Threshold {
  readonly figure: string;
  readonly comparison: string;
  readonly limit: number;
}

/** The parts of `figure>limit`, not yet known to be any; `undefined` when it is not of that form. */
export function splitThreshold(text: string): Threshold | undefined {
  const [, figure, comparison, limit] = /^\s*([\w-]+)\s*(>=|<=|>|<)\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*$/i.exec(text) ?? [];
  if (figure === undefined || comparison === undefined || !Number.isFinite(Number(limit))) return undefined;
  return { figure, comparison, limit: Number(limit) };
}

/** A line for every row and condition that holds, in their order. A row that could not run meets none. */
export function metThresholds(document: ResultsDocument, thresholds: readonly Threshold[]): string[] {
  return document.results
    .filter(isRun)
    .flatMap((run) =>
      thresholds
        .filter(({ figure, comparison, limit }) => COMPARISONS[comparison]?.(figureOf(run, figure), limit))
        .map(
          ({ figure, comparison, limit }) =>
            `${rowName(run)}: ${figure} is ${figureOf(run, figure)}: ${comparison} ${limit}`,
        ),
    );
}

function figureOf({ counters, modelled }: RunResult, figure: string): number {
  if (figure === 'cycles_total') return modelled.cycles_total;
  if (figure === 'errors') return Object.values(counters.errors).reduce((sum, times) => sum + times, 0);
  return counters[figure as (typeof COUNTER_NAMES)[number]];
}
