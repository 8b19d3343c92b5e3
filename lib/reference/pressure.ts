/**
 * Other tenants of the host take a page out of each free run, for good (docs/semantics.md, section 3).
 */
import type { RecordFields } from '../ops/records.js';
import { ORDER_1G, ORDER_2M, ORDER_4K } from '../spec/units.js';
import { BLOCK_PAGES, FRAME } from './frames.js';
import { xoshiro128 } from './random.js';
import { OK, type Reply, refuse } from './reply.js';
import type { State } from './state.js';

export function pressure(state: State, op: RecordFields): Reply {
  const { arg: order, size: free, extra: seed } = op;
  if ((order !== ORDER_4K && order !== ORDER_2M && order !== ORDER_1G) || free < 0 || seed < 0) return refuse('EINVAL');
  const next = xoshiro128(((seed % 2 ** 32) ^ state.seed) >>> 0);
  const runs = order === ORDER_4K ? state.frames.freePfns() : state.frames.freeRuns(2 ** order / BLOCK_PAGES);
  for (let i = runs.length - 1; i >= 1; i -= 1) {
    const j = next() % (i + 1);
    [runs[i], runs[j]] = [runs[j] as number, runs[i] as number];
  }
  for (const first of runs.slice(Math.min(free, runs.length)))
    state.frames.become(first + (next() % 2 ** order), FRAME.pressure);
  return OK;
}
