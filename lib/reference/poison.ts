/**
 * Memory failure: kvm_gmem_error_folio and what leads to it (docs/semantics.md, section 11).
 */
import type { RecordFields } from '../ops/records.js';
import { NO_PFN } from '../spec/page-view.js';
import { ORDER_4K, PAGE_BYTES } from '../spec/units.js';
import { ofFile, zapIndexes } from './leaves.js';
import { folioAround, type GmemFile, type IndexRange, pageAt } from './model.js';
import { aligned } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import { smash } from './rmp-updates.js';
import { trySplit } from './split-merge.js';
import type { State } from './state.js';

export function poison(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  const index = op.address / PAGE_BYTES;
  if (index < 0 || !aligned(op.address) || index >= file.pages) return refuse('EINVAL');
  const pfn = pageAt(file, index);
  if (pfn === NO_PFN) return refuse('ENOENT');
  if (state.frames.poisoned.has(pfn)) return OK;

  const unit = poisonedUnit(state, file, index);
  zapIndexes(state, file, unit.first, unit.end, ofFile(state));
  for (let at = unit.first; at < unit.end; at += 1) {
    const frame = pageAt(file, at);
    if (state.rmp.lookup(frame)?.huge) smash(state, frame);
    state.frames.poisoned.add(frame);
  }
  return OK;
}

/** The page alone where the policy wants that and its folio can be split; else the whole folio. */
function poisonedUnit(state: State, file: GmemFile, index: number): IndexRange {
  const page = { first: index, end: index + 1 };
  const folio = folioAround(file, index);
  if (folio.end === page.end && folio.first === page.first) return page;
  if (state.knobs.poison === 'folio' || state.natural) return folio;
  return trySplit(state, file, index, ORDER_4K) === undefined ? page : folio;
}
