/**
 * What may refuse a piece of a conversion in place, looked at before any of it changes (docs/semantics-designs.md, section
 * 18, steps 1 to 3).
 */
import type { Errno } from '../spec/errnos.js';
import type { CONTENTS } from '../spec/ops.js';
import { ORDER_4K } from '../spec/units.js';
import type { Kind } from './kinds.js';
import { blockParts, folioAround, foliosAbove, type GmemFile, type IndexRange } from './model.js';
import { countAttempt, firstReferenced } from './references.js';
import { refusedByReference, vmemmapNeeded } from './split-merge.js';
import type { State } from './state.js';

/** What a conversion leaves in the pages. */
export type Content = (typeof CONTENTS)[number];

/** Why a piece fails, and at which index. */
interface Refusal {
  readonly errno: Errno;
  readonly index: number;
}

/** @returns the sub-ranges whose kind will change, none when all is as asked; or the refusal. */
export function checkPiece(
  state: State,
  file: GmemFile,
  piece: IndexRange,
  to: Kind,
  content: Content,
): Refusal | { changing: IndexRange[] } {
  if (!file.open) return { errno: 'EBADF', index: piece.first };
  const lost = content === 'zero' ? firstPoisoned(state, file, piece) : undefined;
  const changing = [...file.kinds.stretches(piece.first, piece.end)].filter(({ kind }) => kind !== to);
  const first = changing[0];
  if (first === undefined) return lost ?? { changing };
  if (state.natural && to === 'private' && file.sharedRanges.get(piece.first) !== piece.end) {
    return { errno: 'EINVAL', index: first.first };
  }
  let refusal: Refusal | undefined;
  if (to === 'private') refusal = checkReferences(state, file, changing);
  else if (!state.natural) refusal = checkSplits(state, file, changing, piece);
  return refusal ?? lost ?? { changing };
}

/** Zeros are for all of the piece, and cannot be put where memory failed. */
function firstPoisoned(state: State, file: GmemFile, piece: IndexRange): Refusal | undefined {
  if (state.frames.poisoned.size === 0) return undefined;
  for (const { block, base, first, end } of blockParts(file, piece.first, piece.end)) {
    for (let index = first; index < end; index += 1) {
      if (state.frames.poisoned.has(block.pfn[index - base] as number)) return { errno: 'EHWPOISON', index };
    }
  }
  return undefined;
}

/** To private: no page may be referenced. */
function checkReferences(state: State, file: GmemFile, changing: readonly IndexRange[]): Refusal | undefined {
  for (const { first, end } of changing) {
    const index = firstReferenced(file, first, end);
    if (index === undefined) continue;
    for (const range of changing) countAttempt(file, range.first, range.end);
    state.tally.convert_eagain += 1;
    const below = state.faulty('error-offset-below-start');
    return { errno: 'EAGAIN', index: below ? folioAround(file, index).first : index };
  }
  return undefined;
}

/** To shared: every folio above 4K must be splittable, all of them together. */
function checkSplits(
  state: State,
  file: GmemFile,
  changing: readonly IndexRange[],
  piece: IndexRange,
): Refusal | undefined {
  const folios: IndexRange[] = [];
  for (const { first, end } of changing) {
    for (const folio of foliosAbove(file, first, end, ORDER_4K)) {
      if (folios.at(-1)?.first !== folio.first) folios.push(folio);
    }
  }
  for (const folio of folios) {
    if (state.faulty('to-shared-ignores-references') || !refusedByReference(state, file, folio, changing)) continue;
    state.tally.convert_eagain += 1;
    const below = state.faulty('error-offset-below-start');
    return { errno: 'EAGAIN', index: below ? folio.first : Math.max(folio.first, piece.first) };
  }
  let needed = 0;
  for (const folio of folios) {
    needed += vmemmapNeeded(state, [folio], file);
    if (state.pool?.canSplit(needed) === false) return { errno: 'ENOMEM', index: Math.max(folio.first, piece.first) };
  }
  return undefined;
}
