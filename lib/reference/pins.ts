/**
 * Host references taken and dropped: pin and unpin (docs/semantics.md, section 11).
 */
import { hasFlag, type RecordFields } from '../ops/records.js';
import type { Errno } from '../spec/errnos.js';
import { NO_PFN } from '../spec/page-view.js';
import { PAGE_BYTES } from '../spec/units.js';
import { hostPage } from './accesses.js';
import { ensureCopy } from './copies.js';
import { copyAt, type GmemFile, pageAt } from './model.js';
import { validRange } from './ranges.js';
import { pinFrame, unpinOldest } from './references.js';
import { OK, type Reply, refuse } from './reply.js';
import { kindOfIndex } from './shareability.js';
import { slotOfIndex } from './slots.js';
import type { State } from './state.js';

export function pin(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  const speculative = hasFlag(op.flags, 'speculative');
  if (!speculative && state.knobs.pins === 'forbid') return refuse('EPERM');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  for (let index = first; index < end; index += 1) {
    const errno = speculative ? refer(state, file, index, op.arg) : gup(state, file, index);
    if (errno !== undefined) return refuse(errno, { done: index - first });
  }
  return OK;
}

/** A transient reference to the gmem page, which lasts `tries` refused attempts. */
function refer(state: State, file: GmemFile, index: number, tries: number): Errno | undefined {
  if (pageAt(file, index) === NO_PFN) return 'ENOENT';
  const frozen = state.knobs.refs === 'frozen' && kindOfIndex(state, file, index) === 'private';
  if (frozen) return 'ENOENT';
  if (tries > 0) file.speculative.set(index, Math.max(tries, file.speculative.get(index) ?? 0));
  return undefined;
}

/** get_user_pages through the mapping that shows a shared page to the host. */
function gup(state: State, file: GmemFile, index: number): Errno | undefined {
  if (index >= file.pages) return 'EFAULT';
  if (kindOfIndex(state, file, index) !== 'shared') return 'EFAULT';
  if (file.mmap) {
    const pfn = hostPage(state, file, index);
    if (typeof pfn !== 'number') return pfn;
    pinFrame(file, index, pfn);
    return undefined;
  }
  if (state.inPlace || slotOfIndex(file, index) === undefined) return 'EFAULT';
  if (!ensureCopy(state, file, index)) return 'ENOMEM';
  pinFrame(file, index, copyAt(file, index));
  return undefined;
}

export function unpin(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem) ?? state.files.findLast((closed) => closed.id === op.gmem);
  if (file === undefined || (!file.open && file.pins.size === 0)) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  const speculative = hasFlag(op.flags, 'speculative');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  for (let index = first; index < end; index += 1) {
    const dropped = speculative ? file.speculative.delete(index) : unpinOldest(state, file, index);
    if (!dropped) return refuse('EINVAL', { done: index - first });
  }
  return OK;
}
