/**
 * Host references on pages: gup pins, which last until unpin and keep a frame alive beyond its file, and speculative
 * references, which last a few refused attempts and end with their page (docs/semantics.md, sections 8 and 11).
 */
import { NO_PFN } from '../spec/page-view.js';
import { BLOCK_PAGES, FRAME, type FrameState, isMovable } from './frames.js';
import { blockOf, copyAt, type GmemFile, type Pin, pageAt } from './model.js';
import type { State } from './state.js';

/** The gup pin on a given frame of an index. */
function pinOn(file: GmemFile, index: number, pfn: number): Pin | undefined {
  return pfn === NO_PFN ? undefined : file.pins.get(index)?.find((pin) => pin.pfn === pfn);
}

/** The gmem page of an index has a reference of either kind. */
export function pageReferenced(file: GmemFile, index: number): boolean {
  return file.speculative.has(index) || pinOn(file, index, pageAt(file, index)) !== undefined;
}

/** The page view's `pinned`: a reference on the gmem page, or a pin on the copy. */
export function shownPinned(file: GmemFile, index: number): boolean {
  return pageReferenced(file, index) || pinOn(file, index, copyAt(file, index)) !== undefined;
}

/** First referenced gmem page of [first, end), or undefined. */
export function firstReferenced(file: GmemFile, first: number, end: number): number | undefined {
  let lowest: number | undefined;
  for (const index of [...file.pins.keys(), ...file.speculative.keys()]) {
    if (index < first || index >= end || !pageReferenced(file, index)) continue;
    if (lowest === undefined || index < lowest) lowest = index;
  }
  return lowest;
}

/** A split, merge, conversion or punch of [first, end) was refused: every speculative reference there loses one try. */
export function countAttempt(file: GmemFile, first: number, end: number): void {
  for (const [index, tries] of [...file.speculative]) {
    if (index < first || index >= end) continue;
    if (tries <= 1) file.speculative.delete(index);
    else file.speculative.set(index, tries - 1);
  }
}

export function pinFrame(file: GmemFile, index: number, pfn: number): void {
  const pin = pinOn(file, index, pfn);
  if (pin !== undefined) {
    pin.count += 1;
    return;
  }
  const pins = file.pins.get(index);
  if (pins === undefined) file.pins.set(index, [{ pfn, count: 1 }]);
  else pins.push({ pfn, count: 1 });
}

/** Takes one reference off the oldest pinned frame of an index. @returns false when there is none. */
export function unpinOldest(state: State, file: GmemFile, index: number): boolean {
  const pins = file.pins.get(index);
  const oldest = pins?.[0];
  if (pins === undefined || oldest === undefined) return false;
  oldest.count -= 1;
  if (oldest.count > 0) return true;
  pins.shift();
  if (pins.length === 0) file.pins.delete(index);
  const block = blockOf(file, index);
  const at = index % BLOCK_PAGES;
  const orphan = block?.pfn[at] !== oldest.pfn && block?.copy[at] !== oldest.pfn;
  if (orphan) {
    abandon(state, oldest.pfn);
    if (state.pool?.has(oldest.pfn)) state.pool.settle(state.pool.hugePageOf(oldest.pfn));
  }
  return true;
}

/** The frame of an index leaves its file: it stays an orphan while pinned. */
export function releaseFrame(state: State, file: GmemFile, index: number, pfn: number): void {
  if (pinOn(file, index, pfn) === undefined) {
    abandon(state, pfn);
    return;
  }
  const movable = isMovable(state.frames.state[pfn] as FrameState);
  state.frames.become(pfn, movable ? FRAME.orphanCopy : FRAME.orphanGmem);
}

/** Nobody holds the frame any more. A poisoned one is never used again; one of the pool waits for its huge page. */
function abandon(state: State, pfn: number): void {
  state.contents.retire(pfn);
  if (state.pool?.has(pfn)) state.pool.abandon(pfn);
  else state.frames.become(pfn, state.frames.poisoned.has(pfn) ? FRAME.poisoned : FRAME.free);
}
