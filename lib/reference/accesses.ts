/**
 * Accesses page by page: by the guest, through a mapping of the file, and by the VMM through a slot's user address
 * (docs/semantics.md, section 7).
 */
import type { RecordFields } from '../ops/records.js';
import type { Errno } from '../spec/errnos.js';
import { PAGE_BYTES } from '../spec/units.js';
import { MIXED } from './contents.js';
import { ensureCopy } from './copies.js';
import { frameBehind, touchPage } from './fault.js';
import { ensurePage } from './folios.js';
import { mayRun } from './launch.js';
import { copyAt, type GmemFile, pageAt, type Slot, type Vm } from './model.js';
import { clearAndMark } from './prepare.js';
import { OK, type Reply, refuse, stopped } from './reply.js';
import { kindOfGfn } from './shareability.js';
import { indexOf, slotAt } from './slots.js';
import type { State } from './state.js';

export function touch(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (!mayRun(state, vm) || op.size <= 0) return refuse('EINVAL');
  const first = Math.floor(op.address / PAGE_BYTES);
  const last = Math.floor((op.address + op.size - 1) / PAGE_BYTES);
  for (let gfn = first; gfn <= last; gfn += 1) {
    const reply = touchPage(state, vm, gfn);
    if (stopped(reply)) return { ...reply, values: { done: gfn - first } };
  }
  return OK;
}

/** `guest-write` and `guest-read`. */
export function guestAccess(state: State, op: RecordFields, write: boolean): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (!mayRun(state, vm) || op.size <= 0) return refuse('EINVAL');
  return moveBytes(state, op, write, (gfn) => {
    const reply = touchPage(state, vm, gfn);
    return stopped(reply) ? reply : frameBehind(state, slotAt(vm, gfn) as Slot, gfn);
  });
}

/** `host-write` and `host-read`. */
export function hostAccess(state: State, op: RecordFields, write: boolean): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  if (op.size <= 0) return refuse('EINVAL');
  if (!file.mmap) return refuse('EFAULT');
  return moveBytes(state, op, write, (index) => orRefuse(hostPage(state, file, index)));
}

/** `vmm-write` and `vmm-read`. */
export function vmmAccess(state: State, op: RecordFields, write: boolean): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (op.size <= 0) return refuse('EINVAL');
  return moveBytes(state, op, write, (gfn) => orRefuse(vmmPage(state, vm, gfn)));
}

function orRefuse(found: number | Errno): number | Reply {
  return typeof found === 'number' ? found : refuse(found);
}

/**
 * Makes the page behind a host mapping of a file created with `mmap` present. By discard the file is shared, as far as
 * its own mapping goes, from its creation or never.
 *
 * @returns its pfn, or the errno
 */
export function hostPage(state: State, file: GmemFile, index: number): number | Errno {
  if (index < 0 || index >= file.pages) return 'EFAULT';
  const shared = state.inPlace ? file.kinds.at(index) === 'shared' : file.initShared;
  if (!shared) return 'EFAULT';
  if (!ensurePage(state, file, index)) return 'ENOMEM';
  const pfn = pageAt(file, index);
  if (state.frames.poisoned.has(pfn)) return 'EFAULT';
  clearAndMark(state, file, index);
  return pfn;
}

function vmmPage(state: State, vm: Vm, gfn: number): number | Errno {
  const slot = slotAt(vm, gfn);
  if (slot === undefined || kindOfGfn(state, vm, gfn) === 'private') return 'EFAULT';
  const index = indexOf(slot, gfn);
  if (slot.file.mmap) return slot.file.open ? hostPage(state, slot.file, index) : 'EFAULT';
  if (state.inPlace) return 'EFAULT';
  return ensureCopy(state, slot.file, index) ? copyAt(slot.file, index) : 'ENOMEM';
}

/** Moves the bytes of one op, page by page. `frameOf` answers the pfn behind a page number, or why there is none. */
function moveBytes(state: State, op: RecordFields, write: boolean, frameOf: (page: number) => number | Reply): Reply {
  let seen: number | undefined;
  let done = 0;
  while (done < op.size) {
    const address = op.address + done;
    const page = Math.floor(address / PAGE_BYTES);
    const from = address - page * PAGE_BYTES;
    const to = Math.min(PAGE_BYTES, from + op.size - done);
    const frame = frameOf(page);
    if (typeof frame !== 'number') return { ...frame, values: { done } };
    if (write) {
      if (!state.contents.write(frame, from, to, op.arg)) return refuse('ENOMEM', { done });
    } else {
      const byte = state.contents.read(frame, from, to);
      seen = seen === undefined || seen === byte ? byte : MIXED;
    }
    done += to - from;
  }
  if (write) return OK;
  if (!state.contents.enabled) return refuse('ENODATA', { done });
  return { values: seen === MIXED ? { mixed: 1 } : { byte: seen } };
}
