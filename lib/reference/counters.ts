/**
 * Counters as they are read: the tally, and what the state itself says.
 */
import { COUNTER_NAMES } from '../spec/counters.js';
import { hostLeaves } from './host-leaves.js';
import { metadataNow, metadataPeak } from './metadata.js';
import { retainedPages } from './retained.js';
import type { State } from './state.js';

export function readCounters(state: State): number[] {
  const { frames } = state;
  const counters = {
    ...state.tally,
    ...hostLeaves(state),
    split_distinct_2m: state.files.reduce((sum, file) => sum + file.everSplit.size, 0),
    split_distinct_1g: state.files.reduce((sum, file) => sum + file.everSplit1g.size, 0),
    merge_distinct_2m: state.files.reduce((sum, file) => sum + file.everMerged.size, 0),
    merge_distinct_1g: state.files.reduce((sum, file) => sum + file.everMerged1g.size, 0),
    retained_pages_end: retainedPages(state),
    host_pages_peak: frames.hostPagesPeak,
    host_pages_end: frames.hostPages,
    shared_copy_pages_peak: frames.copyPagesPeak,
    stranded_pages_end: frames.strandedPages(),
    metadata_bytes_modelled_peak: metadataPeak(state),
    metadata_bytes_modelled_end: metadataNow(state),
  };
  return COUNTER_NAMES.map((name) => counters[name]);
}
