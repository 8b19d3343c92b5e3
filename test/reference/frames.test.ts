/**
 * The frame allocator against a search over all pages that knows nothing but their states.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BLOCK_PAGES, CLASS, FRAME, type FrameState, Frames, isMovable, NO_FRAME } from '../../lib/reference/frames.js';
import { xoshiro128 } from '../../lib/reference/random.js';

/** Section 3 in one sentence each, page by page. */
class NaiveFrames {
  readonly state: FrameState[];
  readonly classes: number[];

  constructor(readonly blocks: number) {
    this.state = Array.from({ length: blocks * BLOCK_PAGES }, () => FRAME.free);
    this.classes = Array.from({ length: blocks }, () => CLASS.none);
  }

  used(block: number): number {
    const pages = this.state.slice(block * BLOCK_PAGES, (block + 1) * BLOCK_PAGES);
    return pages.filter((is) => is !== FRAME.free).length;
  }

  become(pfn: number, state: FrameState): void {
    this.state[pfn] = state;
    const block = Math.floor(pfn / BLOCK_PAGES);
    if (this.used(block) === 0) this.classes[block] = CLASS.none;
    else if (this.classes[block] === CLASS.none)
      this.classes[block] = isMovable(state) ? CLASS.movable : CLASS.unmovable;
  }

  page(state: FrameState): number {
    const own = isMovable(state) ? CLASS.movable : CLASS.unmovable;
    const blocks = this.classes.map((of, block) => ({ of, block, used: this.used(block) }));
    const partial = blocks.filter(({ used }) => used > 0 && used < BLOCK_PAGES);
    const best =
      partial.find(({ of }) => of === own) ??
      blocks.find(({ used }) => used === 0) ??
      partial.find(({ of }) => of !== own);
    if (best === undefined) return NO_FRAME;
    const pfn = this.state.indexOf(FRAME.free, best.block * BLOCK_PAGES);
    this.become(pfn, state);
    return pfn;
  }
}

describe('reference frames', () => {
  test('order 0 is the lowest the rules allow, over random use', () => {
    const next = xoshiro128(5);
    const frames = new Frames(4 * BLOCK_PAGES * 4096);
    const naive = new NaiveFrames(4);
    const held: number[] = [];
    for (let step = 0; step < 4000; step += 1) {
      if (next() % 5 < (step < 2500 ? 4 : 1) || held.length === 0) {
        const state = next() % 2 === 0 ? FRAME.gmem : FRAME.copy;
        const pfn = frames.allocatePage(state);
        assert.equal(pfn, naive.page(state), `step ${step}`);
        if (pfn !== NO_FRAME) held.push(pfn);
      } else {
        const [pfn] = held.splice(next() % held.length, 1) as [number];
        frames.become(pfn, FRAME.free);
        naive.become(pfn, FRAME.free);
      }
    }
  });

  test('order 9: a free block of a broken region first; a cut-short region is broken', () => {
    const frames = new Frames((2 * 512 + 3) * BLOCK_PAGES * 4096);
    const first = () => frames.allocateBlock(FRAME.gmem) / BLOCK_PAGES;
    assert.deepEqual([first(), first(), first(), first()], [1024, 1025, 1026, 0]);
    frames.become(700 * BLOCK_PAGES, FRAME.copy);
    for (let at = 0; at < BLOCK_PAGES; at += 1) frames.become(at, FRAME.free);
    assert.equal(first(), 512);
  });

  test('order 9 refused when every block is touched', () => {
    const frames = new Frames(2 * BLOCK_PAGES * 4096);
    frames.become(0, FRAME.copy);
    frames.become(BLOCK_PAGES + 9, FRAME.gmem);
    assert.equal(frames.allocateBlock(FRAME.gmem), NO_FRAME);
    assert.equal(frames.strandedPages(), 511);
  });

  test('a block taken whole by copies is movable', () => {
    const frames = new Frames(2 * BLOCK_PAGES * 4096);
    frames.allocateBlock(FRAME.copy);
    frames.become(7, FRAME.free);
    assert.equal(frames.allocatePage(FRAME.gmem), BLOCK_PAGES);
    assert.equal(frames.allocatePage(FRAME.copy), 7);
    assert.equal(frames.copyPagesPeak, 512);
    assert.equal(frames.hostPagesPeak, 513);
  });
});
