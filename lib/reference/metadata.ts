/**
 * Modelled metadata (docs/semantics-designs.md, section 14): the bytes a design spends on describing the pages held.
 */
import type { OpName } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';
import { FRAME } from './frames.js';
import { POOL_USE } from './pool.js';
import type { State } from './state.js';

const STRUCT_PAGE_BYTES = 64;
/** struct pages in a page of vmemmap. */
const STRUCT_PAGES = PAGE_BYTES / STRUCT_PAGE_BYTES;

/** The ops that change which indexes are shared. */
const CHANGE_KINDS: readonly OpName[] = ['create', 'convert'];

/** Called at the end of every op. Nothing to do for struct-page: its peak is that of the pages held. */
export function noteMetadata(state: State, op: OpName): void {
  if (state.knobs.metadata === 'hvo') note(state, hvoBytes(state));
  else if (state.knobs.metadata === 'structless' && CHANGE_KINDS.includes(op)) note(state, structlessBytes(state));
}

export function metadataPeak(state: State): number {
  if (state.knobs.metadata === 'struct-page') return state.frames.hostPagesPeak * STRUCT_PAGE_BYTES;
  return state.tally.metadata_bytes_modelled_peak;
}

/** Of what is held now. */
export function metadataNow(state: State): number {
  if (state.knobs.metadata === 'hvo') return hvoBytes(state);
  if (state.knobs.metadata === 'structless') return structlessBytes(state);
  return state.frames.hostPages * STRUCT_PAGE_BYTES;
}

/** One vmemmap page for a whole huge page, all of them for one that is split, a struct page for each frame outside. */
export function hvoBytes(state: State): number {
  const { pool, frames } = state;
  if (pool === undefined) return 0;
  const whole = (pool.inUse[POOL_USE.whole] as number) * PAGE_BYTES;
  const split = (pool.inUse[POOL_USE.split] as number) * pool.pages * STRUCT_PAGE_BYTES;
  const orphans = (frames.inState[FRAME.orphanGmem] as number) + (frames.inState[FRAME.orphanCopy] as number);
  const lost = frames.inState[FRAME.poisoned] as number;
  return whole + split + (orphans + lost) * STRUCT_PAGE_BYTES;
}

/** A vmemmap page for each aligned run of 64 indexes of an open file that holds a shared one. */
export function structlessBytes(state: State): number {
  let runs = 0;
  for (const file of state.gmems.values()) {
    let counted = -1;
    for (const { first, end, kind } of file.kinds.stretches(0, file.pages)) {
      if (kind === 'private') continue;
      const firstRun = Math.max(counted + 1, Math.floor(first / STRUCT_PAGES));
      const lastRun = Math.floor((end - 1) / STRUCT_PAGES);
      runs += Math.max(0, lastRun - firstRun + 1);
      counted = lastRun;
    }
  }
  return runs * PAGE_BYTES;
}

function note(state: State, bytes: number): void {
  state.tally.metadata_bytes_modelled_peak = Math.max(state.tally.metadata_bytes_modelled_peak, bytes);
}
