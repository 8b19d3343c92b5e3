/**
 * What a reader of a comparison must know before its numbers mislead: said alike by the table and the HTML file.
 */
import { isRun, type ResultsDocument } from '../compare/results.js';
import { publishedRemark } from './published.js';

/** One sentence each, in the order to show them; mostly none. */
export function remarks(document: ResultsDocument): string[] {
  const runs = document.results.filter(isRun).filter((run) => run.host.counters_known !== 0);
  const said: string[] = [];
  if (
    runs.some((run) => run.counters.converts > 0) &&
    runs.every((run) => run.counters.host_pages_peak === 0 && Object.keys(run.counters.errors).length === 0)
  ) {
    said.push(
      'the input converts memory but never uses any (a log of conversions only): no page is ever allocated, so there is nothing to split, prepare, clear or copy, and the designs cannot differ',
    );
  }
  const published = publishedRemark(document);
  if (published !== undefined) said.push(published);
  return said;
}
