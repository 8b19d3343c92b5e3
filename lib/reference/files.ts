/**
 * Life of files and VMs: create, close, destroy (docs/semantics.md, section 2).
 */
import type { RecordFields } from '../ops/records.js';
import { CREATE_FLAG } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';
import { deleteSlot } from './bind.js';
import { dropAllCopies } from './copies.js';
import { forgetFile } from './deferred-merges.js';
import { freePages } from './folios.js';
import { Kinds } from './kinds.js';
import { ofFile, zapIndexes } from './leaves.js';
import type { GmemFile, Vm } from './model.js';
import { aligned } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import type { State } from './state.js';

/**
 * kvm_gmem_create. Under discard, `mmap` and `init-shared` need a VM without private memory. A pool reserves for the whole
 * file (kernel: hugetlb's subpool reservation at create).
 */
export function create(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (state.gmems.has(op.gmem)) return refuse('EEXIST');
  const flags = op.extra;
  const supported = state.inPlace || state.arch === 'none' ? CREATE_FLAG.mmap | CREATE_FLAG['init-shared'] : 0;
  if (flags < 0 || flags > supported) return refuse('EINVAL');
  if (op.size <= 0 || !aligned(op.size)) return refuse('EINVAL');
  const pages = op.size / PAGE_BYTES;
  if (state.pool !== undefined) {
    if (pages % state.hugePages !== 0) return refuse('EINVAL');
    if (!state.pool.reserve(pages / state.hugePages)) return refuse('ENOMEM');
  }
  const initShared = (flags & CREATE_FLAG['init-shared']) !== 0;
  const kinds = new Kinds(initShared ? 'shared' : state.initialKind);
  const file: GmemFile = {
    id: op.gmem,
    vm,
    pages,
    mmap: (flags & CREATE_FLAG.mmap) !== 0,
    initShared,
    open: true,
    kinds,
    sharedRanges: new Map(state.natural && kinds.initial === 'shared' ? [[0, pages]] : []),
    retained: new Set(),
    slots: [],
    blocks: new Map(),
    pins: new Map(),
    speculative: new Map(),
    everSplit: new Set(),
    everMerged: new Set(),
    everSplit1g: new Set(),
    everMerged1g: new Set(),
  };
  state.gmems.set(op.gmem, file);
  state.files.push(file);
  return OK;
}

/** The last reference to the handle: pages go at once, copies when no slot refers to the file any more. */
export function close(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  zapIndexes(state, file, 0, file.pages, ofFile(state));
  freePages(state, file, 0, file.pages);
  if (state.pool !== undefined) state.pool.reserved -= file.pages / state.hugePages;
  file.open = false;
  forgetFile(state, file);
  state.gmems.delete(op.gmem);
  if (file.slots.length === 0) dropAllCopies(state, file);
  if (file.vm.destroyed) reapSlots(state, file.vm);
  return OK;
}

export function destroy(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  vm.destroyed = true;
  reapSlots(state, vm);
  return OK;
}

/** A file pins its VM: the slots of a destroyed one go when its last file is closed. */
function reapSlots(state: State, vm: Vm): void {
  for (const file of state.gmems.values()) if (file.vm === vm) return;
  for (const slot of [...vm.slots].sort((a, b) => a.number - b.number)) deleteSlot(state, slot);
}
