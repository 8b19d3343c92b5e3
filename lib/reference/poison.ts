/**
 * Memory failure: kvm_gmem_error_folio and what leads to it (docs/semantics.md, section 11).
 */
import type { RecordFields } from '../ops/records.js';
import { NO_PFN } from '../spec/page-view.js';
import { PAGE_BYTES } from '../spec/units.js';
import { splitFolio } from './folios.js';
import { BLOCK_PAGES } from './frames.js';
import { zapIndexes } from './leaves.js';
import { type Block, blockOf, pageAt } from './model.js';
import { aligned } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import type { State } from './state.js';

export function poison(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  const index = op.address / PAGE_BYTES;
  if (index < 0 || !aligned(op.address) || index >= file.pages) return refuse('EINVAL');
  const pfn = pageAt(file, index);
  if (pfn === NO_PFN) return refuse('ENOENT');
  if (state.frames.poisoned.has(pfn)) return OK;

  const block = blockOf(file, index) as Block;
  const base = index - (index % BLOCK_PAGES);
  const splits = block.hugeFolio && state.knobs.poison === 'page' && splitFolio(state, file, block, base);
  const wholeFolio = block.hugeFolio && !splits;
  const first = wholeFolio ? base : index;
  const end = wholeFolio ? base + BLOCK_PAGES : index + 1;
  zapIndexes(state, file, first, end);
  for (let unit = first; unit < end; unit += 1) {
    const frame = block.pfn[unit - base] as number;
    if (state.rmp.lookup(frame)?.huge) state.rmp.psmash(frame);
    state.frames.poisoned.add(frame);
  }
  return OK;
}
