/**
 * Counts of pages against the page views they stand for: a few queries a view, other ones each time, over a part of it.
 */
import type { Backend } from '../../lib/engine/backend.js';
import {
  matchesQuery,
  PAGE_STATE_NAMES,
  PAGE_VIEW,
  PAGE_VIEW_WORDS,
  type PageQuery,
  type PageState,
  pageQuery,
} from '../../lib/spec/page-view.js';

const QUERIES_A_VIEW = 5;

/** Every state alone, and every pair of two. */
export const STATE_LISTS: readonly (readonly PageState[])[] = PAGE_STATE_NAMES.flatMap((one, i) => [
  [one],
  ...PAGE_STATE_NAMES.slice(i + 1).map((other) => [one, other]),
]);

/** How many pages of the view, from page `first` to before page `end`, the query wants. */
export function countInView(words: Uint32Array, first: number, end: number, query: PageQuery): number {
  let pages = 0;
  for (let page = first; page < end; page += 1) {
    if (matchesQuery(query, words[page * PAGE_VIEW_WORDS + PAGE_VIEW.bits] as number)) pages += 1;
  }
  return pages;
}

/**
 * @param words the view of pages [from, from + pages) of an open file, all of them inside it
 * @param turn picks the queries and the ranges
 * @returns what a backend counts otherwise than its view says
 */
export function countDifference(
  name: string,
  backend: Backend,
  gmem: number,
  view: { readonly from: number; readonly pages: number; readonly words: Uint32Array },
  turn: number,
): string | undefined {
  for (let i = 0; i < QUERIES_A_VIEW; i += 1) {
    const states = STATE_LISTS[(turn * QUERIES_A_VIEW + i * 17) % STATE_LISTS.length] as readonly PageState[];
    const query = pageQuery(states);
    if (((query.all | query.none | query.any) & ~backend.knownPageBits) !== 0) continue;
    // Whole blocks, parts of them, all of it.
    const first = i === 0 ? 0 : (turn * 37 + i * 101) % (view.pages + 1);
    const end = i <= 1 ? view.pages : Math.min(view.pages, first + ((turn * 211 + i * 977) % 1600));
    const wanted = countInView(view.words, first, end, query);
    const counted = backend.countPages(gmem, view.from + first, end - first, query);
    if (counted === wanted) continue;
    const range = `indexes ${view.from + first} to ${view.from + end}`;
    return `file ${gmem} ${range}: ${name} counts ${counted} pages ${states.join(' and ')}, its page views ${wanted}`;
  }
  return undefined;
}
