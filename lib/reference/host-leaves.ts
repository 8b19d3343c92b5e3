/**
 * natural: the host's own table maps only what is shared, each run in the largest leaves that fit
 * (docs/semantics-designs.md, section 20).
 */
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order } from '../spec/units.js';
import { blockOf, blockParts, type GmemFile, type IndexRange, rangeAround } from './model.js';
import type { State } from './state.js';

export interface HostLeaves {
  host_leaves_4k: number;
  host_leaves_2m: number;
  host_leaves_1g: number;
}

export function hostLeaves(state: State): HostLeaves {
  const leaves: HostLeaves = { host_leaves_4k: 0, host_leaves_2m: 0, host_leaves_1g: 0 };
  if (!state.natural) return leaves;
  for (const file of state.gmems.values()) {
    for (const run of sharedRuns(file)) {
      let index = run.first;
      while (index < run.end) {
        const order = largestLeaf(file, index, run.end);
        if (order === ORDER_1G) leaves.host_leaves_1g += 1;
        else if (order === ORDER_2M) leaves.host_leaves_2m += 1;
        else leaves.host_leaves_4k += 1;
        index = rangeAround(index, order).end;
      }
    }
  }
  return leaves;
}

/** The largest leaf that can start at an index: aligned, inside its folio, and over nothing beyond `end`. */
function largestLeaf(file: GmemFile, index: number, end: number): Order {
  const folio = blockOf(file, index)?.order ?? ORDER_4K;
  for (const order of [ORDER_1G, ORDER_2M] as const) {
    const range = rangeAround(index, order);
    if (order <= folio && range.first === index && range.end <= end) return order;
  }
  return ORDER_4K;
}

/** Maximal runs of shared, present indexes, ascending. */
function sharedRuns(file: GmemFile): IndexRange[] {
  const runs: { first: number; end: number }[] = [];
  for (const stretch of file.kinds.stretches(0, file.pages)) {
    if (stretch.kind === 'private') continue;
    for (const { block, base, first, end } of blockParts(file, stretch.first, stretch.end)) {
      for (let index = first; index < end; index += 1) {
        if (block.pfn[index - base] === NO_PFN) continue;
        const last = runs.at(-1);
        if (last?.end === index) last.end += 1;
        else runs.push({ first: index, end: index + 1 });
      }
    }
  }
  return runs;
}
