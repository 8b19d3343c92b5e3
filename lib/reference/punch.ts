/**
 * fallocate: allocation and hole punching (docs/semantics.md section 8, docs/semantics-designs.md section 19).
 */
import type { RecordFields } from '../ops/records.js';
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_4K, PAGE_BYTES } from '../spec/units.js';
import { ensurePage, freePages } from './folios.js';
import { unmark } from './historical-effects.js';
import { ofFile, zapIndexes } from './leaves.js';
import { blockParts, folioAround, type GmemFile, type IndexRange, rangeAround } from './model.js';
import { clearAndMark } from './prepare.js';
import { validRange } from './ranges.js';
import { countAttempt, firstReferenced } from './references.js';
import { releaseRmp } from './release-rmp.js';
import { OK, type Reply, refuse } from './reply.js';
import { retain } from './retained.js';
import { mergeFolio, trySplit } from './split-merge.js';
import type { State } from './state.js';

interface Punched {
  /** Pages. */
  freed: number;
  /** Pages that stay, with zeros. */
  zeroed: number;
  /** Folios. */
  split: number;
}

export function fallocate(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  if (end > file.pages) return refuse('EINVAL');
  const to = state.faulty('allocate-rounds-down') ? end - (end % state.hugePages) : end;
  for (let index = first; index < to; index += 1) {
    if (ensurePage(state, file, index)) continue;
    return state.faulty('shadowed-ret') ? OK : refuse('ENOMEM', { done: index - first });
  }
  return OK;
}

export function punch(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  // A VMM that punches whole huge pages, or nothing, never shows the kernel a hole to refuse.
  if (state.knobs.punch === 'refuse' && state.knobs.vmmPunch === 'exact') {
    const endFits = end % state.hugePages === 0 || end >= file.pages;
    if (first % state.hugePages !== 0 || !endFits) return refuse('EINVAL');
  }
  const range = asVmmPunches(state, file, first, end);
  if (state.pool === undefined) return { values: { ...punchFolios(state, file, range) } };
  const pinned = firstPinnedHugeRange(state, file, range);
  if (pinned !== undefined) return refuse('EAGAIN', { offset: pinned * PAGE_BYTES });
  return { values: { ...punchPool(state, file, range) } };
}

/** The punch around which a conversion to shared by discard is built: it never fails. @returns folios split. */
export function punchForConversion(state: State, file: GmemFile, first: number, end: number): number {
  const piece = state.knobs.punch === 'refuse' ? wholeHugePages(file, first, end, state.hugePages) : { first, end };
  const { split } = punchFolios(state, file, asVmmPunches(state, file, piece.first, piece.end));
  retain(state, file, first, end);
  return split;
}

/** What userspace makes of a hole: the range inside the file as it is, its whole huge pages, or nothing. */
function asVmmPunches(state: State, file: GmemFile, first: number, end: number): IndexRange {
  const inside = Math.min(end, file.pages);
  if (state.knobs.vmmPunch === 'never') return { first, end: first };
  if (state.knobs.vmmPunch === 'exact') return { first, end: inside };
  return wholeHugePages(file, first, inside, state.hugePages);
}

/** The whole huge pages in a range; the end of the file counts as a boundary. */
function wholeHugePages(file: GmemFile, first: number, end: number, pages: number): IndexRange {
  const to = end === file.pages ? end : Math.floor(end / pages) * pages;
  return { first: Math.ceil(first / pages) * pages, end: to };
}

/** Buddy: folio by folio, ascending. Whole ones are freed, of others the covered pages are dealt with as the knob says. */
function punchFolios(state: State, file: GmemFile, range: IndexRange): Punched {
  const result: Punched = { freed: 0, zeroed: 0, split: 0 };
  for (const { block, base, first, end } of blockParts(file, range.first, range.end)) {
    zapIndexes(state, file, first, end, ofFile(state));
    const folio = rangeAround(base, block.order);
    const whole = block.order === ORDER_4K || (first === folio.first && end === folio.end);
    if (whole) {
      result.freed += freePages(state, file, first, end);
    } else if (state.knobs.punch === 'zero') {
      result.zeroed += zeroPages(state, file, first, end);
    } else if (state.knobs.punch === 'split') {
      if (trySplit(state, file, base, ORDER_4K) === undefined) {
        result.split += 1;
        result.freed += freePages(state, file, first, end);
      } else if (!block.marked.includes(1)) {
        result.freed += freePages(state, file, folio.first, folio.end);
      } else if (state.faulty('stale-marks-after-failed-split')) {
        unmark(file, first, end);
      }
    }
  }
  return result;
}

/** Pool: huge range by huge range. A whole one is merged if it was split, and freed. */
function punchPool(state: State, file: GmemFile, range: IndexRange): Punched {
  const result: Punched = { freed: 0, zeroed: 0, split: 0 };
  zapIndexes(state, file, range.first, range.end);
  for (const huge of hugeRangesOver(state, file, range)) {
    const first = Math.max(range.first, huge.first);
    const end = Math.min(range.end, huge.end);
    if (first === huge.first && end === huge.end) {
      mergeBeforeFree(state, file, huge);
      result.freed += freePages(state, file, first, end);
    } else if (state.knobs.punch === 'zero') {
      result.zeroed += zeroPages(state, file, first, end);
    }
  }
  return result;
}

/** A wholly covered huge range with a reference refuses the punch, which is an attempt. @returns the first such page. */
function firstPinnedHugeRange(state: State, file: GmemFile, range: IndexRange): number | undefined {
  for (const huge of hugeRangesOver(state, file, range)) {
    if (huge.first < range.first || huge.end > range.end) continue;
    const pinned = firstReferenced(file, huge.first, huge.end);
    if (pinned === undefined) continue;
    countAttempt(file, huge.first, huge.end);
    return pinned;
  }
  return undefined;
}

/** A huge page goes back to the pool as one folio, but not with a poisoned page. */
function mergeBeforeFree(state: State, file: GmemFile, huge: IndexRange): void {
  const folio = folioAround(file, huge.first);
  if (folio.end === huge.end) return;
  const poisoned = blockParts(file, huge.first, huge.end).some(({ block }) =>
    block.pfn.some((pfn) => state.frames.poisoned.has(pfn)),
  );
  if (!poisoned) mergeFolio(state, file, huge.first, state.hugeOrder);
}

/** The huge ranges with pages that overlap a range, ascending. */
function hugeRangesOver(state: State, file: GmemFile, range: IndexRange): IndexRange[] {
  const ranges: IndexRange[] = [];
  for (const { block, base } of blockParts(file, range.first, range.end)) {
    const huge = rangeAround(base, state.hugeOrder);
    if (block.pfn[0] !== NO_PFN && ranges.at(-1)?.first !== huge.first) ranges.push(huge);
  }
  return ranges;
}

/** `zero`: the present pages of [first, end) stay, without guest, content and mark. Poisoned ones are not touched. */
function zeroPages(state: State, file: GmemFile, first: number, end: number): number {
  let zeroed = 0;
  releaseRmp(state, file, first, end);
  const head = state.faulty('zero-from-folio-head') ? folioAround(file, first).first : first;
  for (const { block, base, first: from, end: to } of blockParts(file, head, head + (end - first))) {
    for (let index = from; index < to; index += 1) {
      const pfn = block.pfn[index - base] as number;
      if (pfn === NO_PFN || state.frames.poisoned.has(pfn)) continue;
      block.marked[index - base] = 0;
      clearAndMark(state, file, index);
      block.marked[index - base] = 0;
      zeroed += 1;
    }
  }
  return zeroed;
}
