/**
 * Counters as they are read: the tally, and what the state itself says.
 */
import { COUNTER_NAMES } from '../spec/counters.js';
import type { State } from './state.js';

/** Modelled bytes of struct page for each page held. */
const STRUCT_PAGE_BYTES = 64;

export function readCounters(state: State): number[] {
  const { frames } = state;
  const counters = {
    ...state.tally,
    split_distinct_2m: state.files.reduce((sum, file) => sum + file.everSplit.size, 0),
    merge_distinct_2m: state.files.reduce((sum, file) => sum + file.everMerged.size, 0),
    host_pages_peak: frames.hostPagesPeak,
    host_pages_end: frames.hostPages,
    shared_copy_pages_peak: frames.copyPagesPeak,
    stranded_pages_end: frames.strandedPages(),
    metadata_bytes_modelled_peak: frames.hostPagesPeak * STRUCT_PAGE_BYTES,
  };
  return COUNTER_NAMES.map((name) => counters[name]);
}
