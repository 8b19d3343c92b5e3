/**
 * Conversion in place: the file keeps the page and changes who may use it (docs/semantics-designs.md, section 18; kernel:
 * the guest_memfd attributes ioctl of the in-place series).
 */
import type { Errno } from '../spec/errnos.js';
import type { CONTENTS } from '../spec/ops.js';
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, PAGE_BYTES, pagesOf } from '../spec/units.js';
import { checkPiece } from './convert-checks.js';
import { rollBackUnsigned } from './historical-effects.js';
import type { Kind } from './kinds.js';
import { zapIndexes } from './leaves.js';
import { blockParts, type GmemFile, type IndexRange, type Vm } from './model.js';
import { clearAndMark, prepareEarly } from './prepare.js';
import { releaseRmp } from './release-rmp.js';
import { type Reply, refuse } from './reply.js';
import { gfnOf, slotParts } from './slots.js';
import { mergeIfPossible, splitOver } from './split-merge.js';
import type { State } from './state.js';

type Content = (typeof CONTENTS)[number];

/** A sub-range whose kind an op has changed. */
export interface Changed extends IndexRange {
  readonly file: GmemFile;
}

/** Converts gfns [first, end), slot by slot; the first piece that fails ends it, and earlier ones stay converted. */
export function convertInPlace(state: State, vm: Vm, first: number, end: number, to: Kind, content: Content): Reply {
  const pieces = slotParts(vm, first, end);
  const bound = pieces.reduce((sum, piece) => sum + piece.endIndex - piece.firstIndex, 0);
  if (bound < end - first) return refuse('EINVAL');
  if (!contentSupported(state, vm, to, content)) return refuse('EOPNOTSUPP');
  state.tally.converts += 1;
  if (state.arch !== 'pkvm') state.tally.exits += 1;

  const changed: Changed[] = [];
  let split = 0;
  let failure: { errno: Errno; gpa: number } | undefined;
  for (const { slot, firstIndex, endIndex } of pieces) {
    const piece = { first: firstIndex, end: endIndex };
    const verdict = checkPiece(state, slot.file, piece, to);
    if ('errno' in verdict) {
      const unset = verdict.errno !== 'EAGAIN' && state.faulty('stale-error-offset');
      failure = { errno: verdict.errno, gpa: unset ? 0 : gfnOf(slot, verdict.index) * PAGE_BYTES };
      if (state.faulty('rollback-underflow')) rollBackUnsigned(piece.first, verdict.index);
      break;
    }
    split += convertPiece(state, slot.file, verdict.changing, to, content);
    changed.push(...verdict.changing.map((range) => ({ ...range, file: slot.file })));
  }
  const merged = to === 'private' && state.knobs.merge === 'eager' ? mergeOver(state, changed) : 0;
  const pages = changed.reduce((sum, range) => sum + range.end - range.first, 0);
  state.tally.converted_pages += pages;
  const values = { changed: pages, split, merged };
  return failure === undefined ? { values } : refuse(failure.errno, { ...values, gpa: failure.gpa });
}

/** Zeroing is never a way to private; SNP and TDX preserve only what is about to be launched. */
function contentSupported(state: State, vm: Vm, to: Kind, content: Content): boolean {
  if (content === 'zero') return to === 'shared';
  const encrypts = state.arch === 'snp' || state.arch === 'tdx';
  return content !== 'preserve' || !encrypts || (to === 'private' && !vm.finalized);
}

/** Steps 4 to 9, for the sub-ranges of a piece whose kind changes. Nothing fails any more. @returns split events. */
function convertPiece(
  state: State,
  file: GmemFile,
  changing: readonly IndexRange[],
  to: Kind,
  content: Content,
): number {
  let split = 0;
  for (const { first, end } of changing) {
    file.kinds.set(first, end, to);
    if (state.natural && to === 'shared') file.sharedRanges.set(first, end);
    if (state.natural && to === 'private') file.sharedRanges.delete(first);
    if (!state.fullPermission) zapIndexes(state, file, first, end);
    if (to === 'shared') {
      releaseRmp(state, file, first, end);
      if (!state.natural) split += splitOver(state, file, first, end);
    }
    convertContent(state, file, first, end, content);
  }
  if (to === 'private') for (const { first, end } of changing) prepareEarly(state, file, first, end);
  return split;
}

/** What the present, healthy pages hold afterwards; they are marked. */
function convertContent(state: State, file: GmemFile, first: number, end: number, content: Content): void {
  const keep = content === 'preserve' || (content === 'unspecified' && state.arch === 'pkvm');
  for (const { block, base, first: from, end: to } of blockParts(file, first, end)) {
    for (let index = from; index < to; index += 1) {
      const pfn = block.pfn[index - base] as number;
      if (pfn === NO_PFN || state.frames.poisoned.has(pfn)) continue;
      if (content === 'zero') block.marked[index - base] = 0;
      if (keep || content === 'zero') {
        clearAndMark(state, file, index);
        continue;
      }
      state.contents.scramble(pfn);
      block.marked[index - base] = 1;
    }
  }
}

/** Merges the huge ranges that the changed sub-ranges overlap; with splitTo minimal their own 2M blocks first. */
function mergeOver(state: State, changed: readonly Changed[]): number {
  if (state.hugeOrder === ORDER_4K) return 0;
  let merged = 0;
  for (const huge of alignedRangesOver(changed, state.hugePages)) {
    if (state.hugeOrder === ORDER_1G && state.knobs.splitTo === 'minimal') {
      for (const block of alignedRangesOver(changed, pagesOf(ORDER_2M))) {
        const inside = block.file === huge.file && huge.first <= block.first && block.first < huge.end;
        if (inside && mergeIfPossible(state, block.file, block.first, ORDER_2M)) merged += 1;
      }
    }
    if (mergeIfPossible(state, huge.file, huge.first, state.hugeOrder)) merged += 1;
  }
  return merged;
}

/** The aligned ranges of `pages` indexes that overlap any of the sub-ranges: each once, in their order. */
function alignedRangesOver(changed: readonly Changed[], pages: number): Changed[] {
  const ranges: Changed[] = [];
  const seen = new Map<GmemFile, Set<number>>();
  for (const { file, first, end } of changed) {
    const known = seen.get(file) ?? new Set();
    seen.set(file, known);
    for (let head = first - (first % pages); head < end; head += pages) {
      if (!known.has(head)) ranges.push({ file, first: head, end: head + pages });
      known.add(head);
    }
  }
  return ranges;
}
