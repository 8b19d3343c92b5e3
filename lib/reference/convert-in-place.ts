/**
 * Conversion in place: the file keeps the page and changes who may use it (docs/semantics-designs.md, section 18; kernel:
 * the guest_memfd attributes ioctl of the in-place series).
 */
import type { Errno } from '../spec/errnos.js';
import { NO_PFN } from '../spec/page-view.js';
import { PAGE_BYTES } from '../spec/units.js';
import { type Content, checkPiece } from './convert-checks.js';
import { noteConversion } from './deferred-merges.js';
import { rollBackUnsigned } from './historical-effects.js';
import type { Kind } from './kinds.js';
import { zapIndexes } from './leaves.js';
import { type FileRange, mergeOver } from './merge-ranges.js';
import { blockParts, type GmemFile, type IndexRange, type Vm } from './model.js';
import { clearAndMark, prepareEarly } from './prepare.js';
import { releaseRmp } from './release-rmp.js';
import { type Reply, refuse } from './reply.js';
import { gfnOf, slotParts } from './slots.js';
import { splitOver } from './split-merge.js';
import type { State } from './state.js';

/** Converts gfns [first, end), slot by slot; the first piece that fails ends it, and earlier ones stay converted. */
export function convertInPlace(state: State, vm: Vm, first: number, end: number, to: Kind, content: Content): Reply {
  const pieces = slotParts(vm, first, end);
  const bound = pieces.reduce((sum, piece) => sum + piece.endIndex - piece.firstIndex, 0);
  if (bound < end - first) return refuse('EINVAL');
  if (!contentSupported(state, vm, to, content)) return refuse('EOPNOTSUPP');
  state.tally.converts += 1;
  if (state.arch !== 'pkvm') state.tally.exits += 1;

  const changed: FileRange[] = [];
  let split = 0;
  let failure: { errno: Errno; gpa: number } | undefined;
  for (const { slot, firstIndex, endIndex } of pieces) {
    const piece = { first: firstIndex, end: endIndex };
    const verdict = checkPiece(state, slot.file, piece, to, content);
    if ('errno' in verdict) {
      const unset = verdict.errno !== 'EAGAIN' && state.faulty('stale-error-offset');
      failure = { errno: verdict.errno, gpa: unset ? 0 : gfnOf(slot, verdict.index) * PAGE_BYTES };
      if (state.faulty('rollback-underflow')) rollBackUnsigned(piece.first, verdict.index);
      break;
    }
    split += convertPiece(state, slot.file, verdict.changing, to, content);
    if (content === 'zero') convertContent(state, slot.file, firstIndex, endIndex, content);
    changed.push(...verdict.changing.map((range) => ({ ...range, file: slot.file })));
  }
  const merged = to === 'private' && state.knobs.merge === 'eager' ? mergeOver(state, changed) : 0;
  noteConversion(state, changed, to === 'private');
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

/**
 * Steps 4 to 9, for the sub-ranges of a piece whose kind changes. Nothing fails any more. Zeros come after it: they were
 * promised over the whole piece, whatever kind its pages had.
 *
 * @returns split events
 */
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
    if (content !== 'zero') convertContent(state, file, first, end, content);
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
