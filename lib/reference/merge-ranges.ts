/**
 * Merges a policy makes of its own accord, after conversions to private: the huge ranges they lie in (docs/semantics-designs.md,
 * section 18; when: docs/semantics-tdx.md, section 25).
 */
import { ORDER_1G, ORDER_2M, ORDER_4K, pagesOf } from '../spec/units.js';
import type { GmemFile, IndexRange } from './model.js';
import { mergeIfPossible } from './split-merge.js';
import type { State } from './state.js';

/** A range of a file: one whose kind an op has changed, or a huge one around it. */
export interface FileRange extends IndexRange {
  readonly file: GmemFile;
}

/** Merges the huge ranges that the changed sub-ranges overlap; with splitTo minimal their own 2M blocks first. */
export function mergeOver(state: State, changed: readonly FileRange[]): number {
  const blocks = alignedRangesOver(changed, pagesOf(ORDER_2M));
  return hugeRangesOver(state, changed).reduce((merged, huge) => merged + mergeHuge(state, huge, blocks), 0);
}

/** Merges one huge range, with splitTo minimal those of `blocks` first that are its own. @returns merges. */
export function mergeHuge(state: State, huge: FileRange, blocks: readonly FileRange[]): number {
  let merged = 0;
  if (state.hugeOrder === ORDER_1G && state.knobs.splitTo === 'minimal') {
    for (const block of blocks) {
      const inside = block.file === huge.file && huge.first <= block.first && block.first < huge.end;
      if (inside && mergeIfPossible(state, block.file, block.first, ORDER_2M)) merged += 1;
    }
  }
  return merged + Number(mergeIfPossible(state, huge.file, huge.first, state.hugeOrder));
}

/** The huge ranges the sub-ranges overlap, in their order; none when the policy has no huge size. */
export function hugeRangesOver(state: State, changed: readonly FileRange[]): FileRange[] {
  return state.hugeOrder === ORDER_4K ? [] : alignedRangesOver(changed, state.hugePages);
}

/** The aligned ranges of `pages` indexes that overlap any of the sub-ranges: each once, in their order. */
export function alignedRangesOver(changed: readonly FileRange[], pages: number): FileRange[] {
  const ranges: FileRange[] = [];
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
