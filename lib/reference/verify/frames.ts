/**
 * A frame has one owner at most; free and used frames make the total; the allocator's counts are those of the pages.
 */
import { NO_PFN } from '../../spec/page-view.js';
import { BLOCK_PAGES, CLASS, FRAME, type FrameState, Frames, isMovable } from '../frames.js';
import type { GmemFile } from '../model.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

/** The gmem page a frame is: of which file, at which index. */
export interface Owner {
  readonly file: GmemFile;
  readonly index: number;
}

const NAMES = Object.fromEntries(Object.entries(FRAME).map(([name, state]) => [state, name]));

/** Frames that no file has, and whose bytes are nobody's. */
const NO_OWNER = new Set<FrameState>([FRAME.free, FRAME.pressure, FRAME.poisoned, FRAME.pool, FRAME.vmemmap]);
/** What a frame of the pool never is. */
const OF_BUDDY = new Set<FrameState>([FRAME.free, FRAME.pressure, FRAME.copy, FRAME.orphanCopy, FRAME.vmemmap]);

/** @returns the owners of the gmem frames, by pfn; only snp has a use for them. */
export function verifyFrames(state: State, check: Check): Map<number, Owner> {
  const { frames } = state;
  const owners = new Map<number, Owner>();
  const claimed = new Uint8Array(frames.pages);
  const claim = (pfn: number, as: FrameState, by: () => string) => {
    check(pfn < frames.pages, () => `${by()} has pfn ${pfn}, the host has ${frames.pages}`);
    if (pfn >= frames.pages) return;
    check(claimed[pfn] === 0, () => `pfn ${pfn} has two owners, one is ${by()}`);
    claimed[pfn] = 1;
    const is = frames.state[pfn] as number;
    check(is === as, () => `pfn ${pfn} of ${by()} is ${NAMES[is]}, not ${NAMES[as]}`);
  };

  for (const file of state.files) {
    /** What the file has of what it pinned. */
    const held = new Set<number>();
    const pinned = file.pins.size > 0;
    for (const [number, block] of file.blocks) {
      for (let at = 0; at < BLOCK_PAGES; at += 1) {
        const index = number * BLOCK_PAGES + at;
        const page = block.pfn[at] as number;
        const copy = block.copy[at] as number;
        if (page !== NO_PFN) {
          claim(page, FRAME.gmem, () => `gmem ${file.id} index ${index}`);
          if (state.arch === 'snp') owners.set(page, { file, index });
          if (pinned) held.add(page);
        }
        if (copy !== NO_PFN) {
          claim(copy, FRAME.copy, () => `the copy of gmem ${file.id} index ${index}`);
          if (pinned) held.add(copy);
        }
      }
    }
    for (const [index, pins] of file.pins) {
      for (const { pfn } of pins) {
        if (held.has(pfn)) continue;
        const orphan = frames.state[pfn] === FRAME.orphanCopy ? FRAME.orphanCopy : FRAME.orphanGmem;
        claim(pfn, orphan, () => `a pin on gmem ${file.id} index ${index}`);
      }
    }
  }

  const inState = new Float64Array(frames.inState.length);
  const poolPages = frames.poolBlocks * BLOCK_PAGES;
  for (let pfn = 0; pfn < frames.pages; pfn += 1) {
    const is = frames.state[pfn] as FrameState;
    inState[is] = (inState[is] as number) + 1;
    const inPool = pfn < poolPages;
    const needsOwner = !NO_OWNER.has(is);
    check(!needsOwner || claimed[pfn] === 1, () => `pfn ${pfn} is ${NAMES[is]} and nobody has it`);
    const outOfUse = is === FRAME.poisoned;
    check(!outOfUse || inPool || frames.poisoned.has(pfn), () => `pfn ${pfn} is out of use but was not poisoned`);
    const mayBe = inPool ? !OF_BUDDY.has(is) : is !== FRAME.pool;
    check(mayBe, () => `pfn ${pfn} is ${NAMES[is]}, it ${inPool ? 'belongs' : 'does not belong'} to the pool`);
  }
  for (const pfn of frames.poisoned) {
    check(frames.state[pfn] !== FRAME.free, () => `pfn ${pfn} is poisoned and free`);
  }
  for (const pfn of state.contents.owned()) {
    const is = frames.state[pfn] as FrameState;
    check(!NO_OWNER.has(is), () => `pfn ${pfn} is ${NAMES[is]} and holds contents`);
  }
  inState.forEach((pages, is) => {
    check(frames.inState[is] === pages, () => `frames ${NAMES[is]}: ${pages}, counted ${frames.inState[is]}`);
  });
  verifyBlocks(frames, check);
  return owners;
}

/** Used and unmovable pages, class and census of every block. */
function verifyBlocks(frames: Frames, check: Check): void {
  const census = new Uint16Array(frames.census.length);
  for (let block = frames.poolBlocks; block < frames.blocks; block += 1) {
    let used = 0;
    let unmovable = 0;
    for (let pfn = block * BLOCK_PAGES; pfn < (block + 1) * BLOCK_PAGES; pfn += 1) {
      const is = frames.state[pfn] as FrameState;
      if (is === FRAME.free) continue;
      used += 1;
      if (!isMovable(is)) unmovable += 1;
    }
    const counted = frames.usedInBlock[block];
    check(counted === used, () => `block ${block} has ${used} used pages, counted ${counted}`);
    const countedUnmovable = frames.unmovableInBlock[block];
    check(
      countedUnmovable === unmovable,
      () => `block ${block} has ${unmovable} unmovable, counted ${countedUnmovable}`,
    );
    const hasClass = frames.classOfBlock[block] !== CLASS.none;
    check(
      hasClass === used > 0,
      () => `block ${block} with ${used} used pages has class ${frames.classOfBlock[block]}`,
    );
    const at = Frames.censusAt(block, frames.conditionOf(block));
    census[at] = (census[at] as number) + 1;
  }
  census.forEach((blocks, at) => {
    const [region, condition] = [Math.floor(at / 4), at % 4];
    check(
      frames.census[at] === blocks,
      () => `region ${region} condition ${condition}: ${blocks} blocks, counted ${frames.census[at]}`,
    );
  });
}
