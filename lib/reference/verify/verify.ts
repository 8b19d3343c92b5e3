/**
 * Recomputes every invariant and every counter from the primary state: the pages of each file, the frames' states, the
 * RMP, the attributes, the slots. One line for each thing that does not hold.
 */
import type { State } from '../state.js';
import { verifyCounters } from './counters.js';
import { verifyDeferred } from './deferred.js';
import { verifyFrames } from './frames.js';
import { verifyKinds } from './kinds.js';
import { verifyLeaves } from './leaves.js';
import { verifyPages } from './pages.js';
import { verifyPool } from './pool.js';
import { verifyRmp } from './rmp.js';
import { verifySept } from './sept.js';
import { verifySlots } from './slots.js';

/** Takes down a line when a condition does not hold. */
export type Check = (holds: boolean, message: () => string) => void;

/** Enough to find the cause; a broken range would otherwise report every page of itself. */
const MOST_PROBLEMS = 100;

export function verify(state: State): string[] {
  const problems: string[] = [];
  const check: Check = (holds, message) => {
    if (!holds && problems.length < MOST_PROBLEMS) problems.push(message());
  };
  const owners = verifyFrames(state, check);
  verifyPages(state, check);
  verifyKinds(state, check);
  verifyRmp(state, owners, check);
  verifySlots(state, check);
  verifyPool(state, check);
  verifySept(state, check);
  verifyLeaves(state, check);
  verifyDeferred(state, check);
  verifyCounters(state, check);
  return problems;
}
