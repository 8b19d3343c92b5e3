/**
 * Guest faults: kvm_mmu_faultin_pfn and kvm_gmem_get_pfn, step by step as docs/semantics.md numbers them (section 6; in
 * place: docs/semantics-designs.md section 16).
 */

import type { RecordFields } from '../ops/records.js';
import { FLAG } from '../spec/ops.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, PAGE_BYTES } from '../spec/units.js';
import { ensureCopy } from './copies.js';
import { ensurePage } from './folios.js';
import type { Kind } from './kinds.js';
import { mayRun } from './launch.js';
import { installLeaf, leafOrder } from './leaves.js';
import { type Block, blockOf, copyAt, pageAt, rangeAround, type Slot, type Vm } from './model.js';
import { mappingOrder, prepare } from './prepare.js';
import { MMIO, memoryFault, type Reply, refuse } from './reply.js';
import { mirrorLimit } from './sept.js';
import { kindOfGfn, uniformKind } from './shareability.js';
import { indexOf, slotAt } from './slots.js';
import type { State } from './state.js';

export function fault(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  const access = (op.flags & FLAG.private) !== 0 ? 'private' : 'shared';
  if (!mayRun(state, vm)) return refuse('EINVAL');
  return faultPage(state, vm, Math.floor(op.address / PAGE_BYTES), access, (op.flags & FLAG.noMap) === 0);
}

/** Private accesses, those of files created with `mmap`, and all in place, are served from gmem; others from the copy. */
export function servedFromGmem(state: State, slot: Slot, kind: Kind): boolean {
  return state.inPlace || kind === 'private' || slot.file.mmap;
}

/**
 * Steps 2 to 9.
 *
 * @param most order the leaf has at most
 * @returns the values of a fault, or why there is none
 */
export function faultPage(
  state: State,
  vm: Vm,
  gfn: number,
  access: Kind,
  map: boolean,
  most: Order = ORDER_1G,
): Reply {
  if (kindOfGfn(state, vm, gfn) !== access) return memoryFault('EFAULT');
  const slot = slotAt(vm, gfn);
  if (slot === undefined) return access === 'private' ? memoryFault('EFAULT') : MMIO;
  const index = indexOf(slot, gfn);
  return servedFromGmem(state, slot, access)
    ? faultGmem(state, slot, gfn, access, map, most)
    : faultCopy(state, slot, index, map);
}

/** Steps 4 to 7. */
function faultGmem(state: State, slot: Slot, gfn: number, access: Kind, map: boolean, most: Order): Reply {
  const index = indexOf(slot, gfn);
  if (!slot.file.open) return memoryFault('EFAULT');
  if (!ensurePage(state, slot.file, index)) return refuse('ENOMEM');
  const pfn = pageAt(slot.file, index);
  if (state.frames.poisoned.has(pfn)) return memoryFault('EHWPOISON');
  const block = blockOf(slot.file, index) as Block;
  const order = mappingOrder(state, slot, index, block.order, access);
  const errno = prepare(state, slot, index, order, access);
  if (errno !== undefined) return errno === 'EFAULT' ? memoryFault('EFAULT') : refuse(errno);
  let limit = Math.min(order, most) as Order;
  if (state.arch === 'snp' && access === 'private') {
    const entry = state.rmp.lookup(pfn);
    if (entry === undefined || entry.asid !== slot.vm.asid || entry.gfn !== gfn) {
      return { errno: 'EFAULT', exit: 'rmp-mismatch' };
    }
    limit = Math.min(limit, entry.huge ? ORDER_2M : ORDER_4K) as Order;
  }
  const level = mapLeaf(state, slot, index, access, limit, map);
  return { values: { pfn, order, level } };
}

/** Step 8. */
function faultCopy(state: State, slot: Slot, index: number, map: boolean): Reply {
  if (!ensureCopy(state, slot.file, index)) return refuse('ENOMEM');
  const block = blockOf(slot.file, index) as Block;
  const order = mappingOrder(state, slot, index, block.hugeCopy ? ORDER_2M : ORDER_4K, 'shared');
  const level = mapLeaf(state, slot, index, 'shared', order, map);
  return { values: { pfn: copyAt(slot.file, index), order, level } };
}

/** Step 9. @returns the level, whether or not a leaf was installed. */
function mapLeaf(state: State, slot: Slot, index: number, kind: Kind, limit: Order, map: boolean): Order {
  const { first, end } = rangeAround(index, limit);
  const uniform = state.fullPermission || uniformKind(state, slot, first, end, kind);
  const level = Math.min(uniform ? limit : ORDER_4K, mirrorLimit(state, slot.file, index, kind) ?? limit) as Order;
  const live = leafOrder(slot.file, index);
  if (live !== undefined && live >= level) return live;
  if (map) installLeaf(state, slot.file, index, level, kind);
  return level;
}

/** The frame behind a gfn that has just been faulted in, or has a live leaf. */
export function frameBehind(state: State, slot: Slot, gfn: number): number {
  const index = indexOf(slot, gfn);
  return servedFromGmem(state, slot, kindOfGfn(state, slot.vm, gfn))
    ? pageAt(slot.file, index)
    : copyAt(slot.file, index);
}

/** One page of a guest access: nothing through a live leaf, else a fault of the kind the gfn has now. */
export function touchPage(state: State, vm: Vm, gfn: number): Reply {
  const slot = slotAt(vm, gfn);
  if (slot !== undefined && leafOrder(slot.file, indexOf(slot, gfn)) !== undefined) return {};
  return faultPage(state, vm, gfn, kindOfGfn(state, vm, gfn), true);
}
