/**
 * Life of files and VMs: create, close, destroy (docs/semantics.md, section 2).
 */
import type { RecordFields } from '../ops/records.js';
import { CREATE_FLAG } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';
import { deleteSlot } from './bind.js';
import { dropAllCopies } from './copies.js';
import { freePages } from './folios.js';
import { zapIndexes } from './leaves.js';
import { blockParts, type GmemFile, type Vm } from './model.js';
import { aligned } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import type { State } from './state.js';

/** kvm_gmem_create. Under discard, `mmap` and `init-shared` need a VM without private memory. */
export function create(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (state.gmems.has(op.gmem)) return refuse('EEXIST');
  const flags = op.extra;
  const supported = state.arch === 'none' ? CREATE_FLAG.mmap | CREATE_FLAG['init-shared'] : 0;
  if (flags < 0 || flags > supported) return refuse('EINVAL');
  if (op.size <= 0 || !aligned(op.size)) return refuse('EINVAL');
  const file: GmemFile = {
    id: op.gmem,
    vm,
    pages: op.size / PAGE_BYTES,
    mmap: (flags & CREATE_FLAG.mmap) !== 0,
    initShared: (flags & CREATE_FLAG['init-shared']) !== 0,
    open: true,
    slots: [],
    blocks: new Map(),
    pins: new Map(),
    speculative: new Map(),
    everSplit: new Set(),
    everMerged: new Set(),
  };
  state.gmems.set(op.gmem, file);
  state.files.push(file);
  return OK;
}

/** The last reference to the handle: pages go at once, copies when no slot refers to the file any more. */
export function close(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  zapIndexes(state, file, 0, file.pages);
  for (const { block, base, first, end } of blockParts(file, 0, file.pages)) {
    freePages(state, file, block, base, first, end);
  }
  file.open = false;
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
