/**
 * The final state of a gmem file as one character a 2M block, from page views. The characters are the whole vocabulary of
 * the map; a report only colours them.
 */
import type { Backend } from '../engine/backend.js';
import type { OpSource } from '../ops/source.js';
import { surveyOf } from '../ops/survey.js';
import { COUNTER_NAMES } from '../spec/counters.js';
import { NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../spec/page-view.js';
import { PAGE_BYTES } from '../spec/units.js';
import type { FileMap } from './results.js';

const BLOCK_PAGES = 512;

/** Meaning of the characters, in the order a legend shows them. */
export const MAP_CELLS = {
  '.': 'absent: no page of the block is present',
  G: 'private, part of a 1G folio',
  H: 'private, one 2M folio',
  s: 'private, 4K folios in place in one 2M block of host memory (what a split leaves)',
  k: 'private, 4K folios scattered over host memory',
  m: 'mixed: private and shared pages side by side',
  c: 'shared, served from copies outside gmem',
  d: 'shared and private kept: copies and gmem pages of the same indexes are both present',
  i: 'shared, served from gmem itself',
  x: 'poisoned page in the block',
} as const;
export type MapCell = keyof typeof MAP_CELLS;

/** Above this many blocks in a file, a cell stands for several. */
const MAX_CELLS = 65_536;
/** Blocks fetched at once: 512 pages of 20 bytes each. */
const WINDOW_BLOCKS = 64;
/** Cells whose pages are counted first, since a count of absent ones costs next to nothing. A multiple of the window. */
const SPAN_CELLS = 4096;
const PRESENT = { all: PAGE_BIT.present, none: 0, any: 0 } as const;

/** Maps of the files the stream created that are still open, in ascending order of id. */
export function memoryMaps(backend: Backend, source: OpSource): FileMap[] {
  const maps: FileMap[] = [];
  const copies = everCopied(backend);
  for (const gmem of createdFiles(source)) {
    const size = backend.fileSize(gmem);
    if (size > 0) maps.push(fileMap(backend, gmem, size, copies));
  }
  return maps;
}

/** Whether a shared copy was ever made: without one, what is not present in gmem is absent. */
function everCopied(backend: Backend): boolean {
  const counters = new Float64Array(COUNTER_NAMES.length);
  backend.counters(counters);
  return counters[COUNTER_NAMES.indexOf('shared_copy_pages_peak')] !== 0;
}

function createdFiles(source: OpSource): number[] {
  const ids = new Set<number>();
  const { structural } = surveyOf(source);
  for (let i = 0; i < structural.length; i += 1) {
    if (structural.opName(i) === 'create') ids.add(structural.read(i).gmem);
  }
  return [...ids].sort((a, b) => a - b);
}

function fileMap(backend: Backend, gmem: number, size: number, copies: boolean): FileMap {
  const pages = size / PAGE_BYTES;
  const blocks = Math.ceil(pages / BLOCK_PAGES);
  const perCell = Math.ceil(blocks / MAX_CELLS);
  const window = perCell === 1 ? WINDOW_BLOCKS : 1;
  const view = new Uint32Array(window * BLOCK_PAGES * PAGE_VIEW_WORDS);
  const absent = (block: number, end: number) => {
    const first = block * BLOCK_PAGES;
    return !copies && backend.countPages(gmem, first, Math.min(end * BLOCK_PAGES, pages) - first, PRESENT) === 0;
  };
  const runs: string[] = [];
  for (let start = 0; start < blocks; start += SPAN_CELLS * perCell) {
    const end = Math.min(blocks, start + SPAN_CELLS * perCell);
    if (absent(start, end)) {
      runs.push('.'.repeat(Math.ceil((end - start) / perCell)));
      continue;
    }
    let run = '';
    for (let block = start; block < end; block += window * perCell) {
      const count = Math.min(window * BLOCK_PAGES, pages - block * BLOCK_PAGES);
      backend.pageView(gmem, block * BLOCK_PAGES, count, view);
      for (let page = 0; page < count; page += BLOCK_PAGES) {
        run += cellOf(view, page, Math.min(BLOCK_PAGES, count - page));
      }
    }
    runs.push(run);
  }
  return {
    gmem,
    size_bytes: size,
    cell_bytes: perCell * BLOCK_PAGES * PAGE_BYTES,
    blocks_per_cell: perCell,
    cells: runs.join(''),
  };
}

/** The character of the block whose page views start at `first`. Exported for tests. */
export function cellOf(view: Uint32Array, first: number, count: number): MapCell {
  let present = 0;
  let copies = 0;
  let privatePages = 0;
  let sharedPages = 0;
  let poisoned = 0;
  let folios = 0;
  let inPlace = 0;
  let base = -1;
  for (let i = 0; i < count; i += 1) {
    const at = (first + i) * PAGE_VIEW_WORDS;
    const bits = view[at + PAGE_VIEW.bits] as number;
    const pfn = view[at + PAGE_VIEW.pfn] as number;
    const copy = view[at + PAGE_VIEW.sharedPfn] !== NO_PFN;
    const here = (bits & PAGE_BIT.present) !== 0;
    if (!here && !copy) continue;
    if ((bits & PAGE_BIT.poisoned) !== 0) poisoned += 1;
    if (copy) copies += 1;
    if ((bits & PAGE_BIT.shared) !== 0) sharedPages += 1;
    else privatePages += 1;
    if (!here) continue;
    present += 1;
    folios |= bits & (PAGE_BIT.folio2m | PAGE_BIT.folio1g);
    if (base === -1) base = pfn - (pfn % BLOCK_PAGES);
    if (pfn === base + i) inPlace += 1;
  }
  if (present === 0 && copies === 0) return '.';
  if (poisoned > 0) return 'x';
  if (sharedPages > 0 && privatePages > 0) return 'm';
  if (sharedPages > 0) {
    if (copies === 0) return 'i';
    return present === 0 ? 'c' : 'd';
  }
  if (present > 0 && copies > 0) return 'd';
  if (present === 0) return 'c';
  if ((folios & PAGE_BIT.folio1g) !== 0) return 'G';
  if ((folios & PAGE_BIT.folio2m) !== 0) return 'H';
  return inPlace === present ? 's' : 'k';
}
