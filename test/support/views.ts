/**
 * Compares the page views of all files a stream named. Small files are compared whole; of large ones the windows around
 * every index an op of the stream named, and both ends. What both backends count over a window must be what its views say.
 */
import type { Backend } from '../../lib/engine/backend.js';
import type { RecordFields } from '../../lib/ops/records.js';
import { OPS } from '../../lib/spec/ops.js';
import { NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { countDifference } from './counts.js';
import { nameOf } from './ops.js';

const WHOLE_FILE_PAGES = 4096;
const WINDOW_PAGES = 520;
const BEYOND_END_PAGES = 3;
const LONGEST_OP_PAGES = 2048;

/** @returns what differs, decoded by name, or undefined. */
export function viewDifference(
  engines: readonly [{ name: string }, { name: string }],
  [left, right]: readonly [Backend, Backend],
  ops: readonly RecordFields[],
): string | undefined {
  for (const gmem of filesNamed(ops)) {
    const size = left.fileSize(gmem);
    if (!Object.is(size, right.fileSize(gmem))) {
      return `file ${gmem}: size differs: ${engines[0].name} ${size}, ${engines[1].name} ${right.fileSize(gmem)}`;
    }
    const windows = size < 0 ? [{ from: 0, to: 1 }] : windowsOf(gmem, Math.ceil(size / PAGE_BYTES), ops);
    for (const { from, to } of windows) {
      const views = [left, right].map((backend) => {
        const words = new Uint32Array((to - from) * PAGE_VIEW_WORDS);
        return { open: backend.pageView(gmem, from, to - from, words), words };
      }) as [View, View];
      const found = firstDifference(engines, gmem, from, views);
      if (found !== undefined) return found;
      if (size < 0) continue;
      const pages = Math.max(0, Math.min(to, Math.ceil(size / PAGE_BYTES)) - from);
      const turn = ops.length + from;
      for (const [side, backend] of [left, right].entries()) {
        const { words } = views[side] as View;
        const differs = countDifference(`${engines[side]?.name}`, backend, gmem, { from, pages, words }, turn);
        if (differs !== undefined) return differs;
      }
    }
  }
  return undefined;
}

interface View {
  open: boolean;
  words: Uint32Array;
}

function firstDifference(
  engines: readonly [{ name: string }, { name: string }],
  gmem: number,
  from: number,
  [a, b]: readonly [View, View],
): string | undefined {
  if (a.open !== b.open) return `file ${gmem}: ${engines[0].name} open ${a.open}, ${engines[1].name} open ${b.open}`;
  if (!a.open || Buffer.from(a.words.buffer).equals(Buffer.from(b.words.buffer))) return undefined;
  const at = a.words.findIndex((word, i) => word !== b.words[i]);
  const page = Math.floor(at / PAGE_VIEW_WORDS);
  const lines = [a, b].map((view, s) => `  ${engines[s]?.name}: ${describePage(view.words, page)}`);
  return [`file ${gmem} index ${from + page}: page views differ`, ...lines].join('\n');
}

/** One page of a view by name: `pfn 5, copy none, bits present prepared`. */
export function describePage(words: Uint32Array, page: number): string {
  const word = (position: number) => words[page * PAGE_VIEW_WORDS + position] as number;
  const pfn = (value: number) => (value === NO_PFN ? 'none' : String(value));
  const bits = Object.entries(PAGE_BIT).filter(([, bit]) => (word(PAGE_VIEW.bits) & bit) !== 0);
  const names = bits.map(([name]) => name).join(' ');
  const rmp = `rmp gfn ${word(PAGE_VIEW.rmpGfn)} owner ${word(PAGE_VIEW.rmpOwner)}`;
  return `pfn ${pfn(word(PAGE_VIEW.pfn))}, copy ${pfn(word(PAGE_VIEW.sharedPfn))}, ${rmp}, bits ${names}`;
}

function filesNamed(ops: readonly RecordFields[]): number[] {
  const files = new Set<number>();
  for (const fields of ops) if (nameOf(fields) === 'create') files.add(fields.gmem);
  return [...files].sort((a, b) => a - b);
}

function windowsOf(gmem: number, pages: number, ops: readonly RecordFields[]): { from: number; to: number }[] {
  const end = pages + BEYOND_END_PAGES;
  if (pages <= WHOLE_FILE_PAGES) return [{ from: 0, to: end }];
  const windows = [
    { from: 0, to: WINDOW_PAGES },
    { from: pages - WINDOW_PAGES, to: end },
  ];
  for (const fields of ops) {
    if (!('gmem' in OPS[nameOf(fields)]) || fields.gmem !== gmem) continue;
    const bytes = nameOf(fields) === 'bind' ? fields.extra : fields.address;
    const index = Math.floor(bytes / PAGE_BYTES);
    const length = Math.min(LONGEST_OP_PAGES, Math.max(0, Math.ceil(fields.size / PAGE_BYTES)));
    windows.push({ from: index - WINDOW_PAGES, to: index + length + WINDOW_PAGES });
  }
  const clipped = windows.map(({ from, to }) => ({ from: Math.max(0, from), to: Math.min(end, to) }));
  const merged: { from: number; to: number }[] = [];
  for (const window of clipped.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && window.from <= last.to) last.to = Math.max(last.to, window.to);
    else merged.push({ ...window });
  }
  return merged;
}
