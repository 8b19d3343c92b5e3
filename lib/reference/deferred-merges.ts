/**
 * `merge: deferred`: huge ranges that turned private wait for a worker, which merges what has been quiet for a while
 * (docs/semantics-tdx.md, section 25).
 *
 * Invariants of the queue: ascending by `due`; a range stands in it once; its file is open.
 */
import { ORDER_2M, pagesOf } from '../spec/units.js';
import { alignedRangesOver, type FileRange, hugeRangesOver, mergeHuge } from './merge-ranges.js';
import type { GmemFile } from './model.js';
import type { State } from './state.js';

/** Ops a range waits. */
export const QUIET_OPS = 1024;

export interface DeferredMerge extends FileRange {
  /** Number of the op, counted from 1, after which it is tried. */
  readonly due: number;
}

/** The huge ranges around what turned private are due anew; those around what turned shared wait no longer. */
export function noteConversion(state: State, changed: readonly FileRange[], isPrivate: boolean): void {
  if (state.knobs.merge !== 'deferred') return;
  const ranges = hugeRangesOver(state, changed);
  const named = (entry: FileRange) => ranges.some(({ file, first }) => entry.file === file && entry.first === first);
  state.deferred = state.deferred.filter((entry) => !named(entry));
  const due = state.opsRun + QUIET_OPS;
  if (isPrivate) state.deferred.push(...ranges.map((range) => ({ ...range, due })));
}

/** The file is gone: what is left of it would be dropped when due. */
export function forgetFile(state: State, file: GmemFile): void {
  state.deferred = state.deferred.filter((entry) => entry.file !== file);
}

/** The worker, after every op: tries what is due, in order. What cannot be merged is dropped. */
export function mergeDue(state: State): void {
  while ((state.deferred[0]?.due ?? Number.POSITIVE_INFINITY) <= state.opsRun) {
    const huge = state.deferred.shift() as DeferredMerge;
    mergeHuge(state, huge, alignedRangesOver([huge], pagesOf(ORDER_2M)));
  }
}
