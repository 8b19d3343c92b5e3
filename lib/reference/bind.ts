/**
 * Binding indexes of a file to guest memory, and unbinding them (docs/semantics.md, section 4).
 */
import type { RecordFields } from '../ops/records.js';
import { GUEST_PHYSICAL_LIMIT_BYTES, PAGE_BYTES } from '../spec/units.js';
import { dropAllCopies } from './copies.js';
import { zapIndexes } from './leaves.js';
import type { Slot } from './model.js';
import { aligned } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import { slotParts } from './slots.js';
import type { State } from './state.js';

/** KVM_USER_MEM_SLOTS of x86. */
const USER_SLOTS = 32764;
/** KVM_MEM_MAX_NR_PAGES. */
const MAX_SLOT_PAGES = 2 ** 31 - 1;

/** KVM_SET_USER_MEMORY_REGION2, in its order of checks. */
export function bind(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  const { arg: number, address: gpa, size, extra: offset } = op;
  if (size < 0 || size > MAX_SLOT_PAGES * PAGE_BYTES) return refuse('EINVAL');
  if (!aligned(size) || !aligned(gpa) || !aligned(offset)) return refuse('EINVAL');
  if (Math.floor(number / 2 ** 16) !== 0 || number % 2 ** 16 >= USER_SLOTS) return refuse('EINVAL');
  if (wraps(gpa, size) || wraps(offset, size)) return refuse('EINVAL');

  const existing = vm.slots.find((slot) => slot.number === number);
  if (size === 0) {
    if (existing === undefined) return refuse('EINVAL');
    deleteSlot(state, existing);
    return OK;
  }
  if (existing !== undefined) return refuse('EINVAL');
  const pages = size / PAGE_BYTES;
  const firstGfn = gpa / PAGE_BYTES;
  if (slotParts(vm, firstGfn, firstGfn + pages).length > 0) return refuse('EEXIST');
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  if (file.vm !== vm) return refuse('EINVAL');
  const firstIndex = offset / PAGE_BYTES;
  if (firstIndex < 0 || firstIndex + pages > file.pages) return refuse('EINVAL');
  const taken = (slot: Slot) => slot.firstIndex < firstIndex + pages && firstIndex < slot.firstIndex + slot.pages;
  if (file.slots.some(taken)) return refuse('EINVAL');
  if (gpa < 0 || gpa + size > GUEST_PHYSICAL_LIMIT_BYTES) return refuse('EINVAL');

  const slot: Slot = { number, vm, file, firstGfn, firstIndex, pages };
  file.slots.push(slot);
  vm.slots.push(slot);
  vm.slots.sort((a, b) => a.firstGfn - b.firstGfn);
  return OK;
}

/** The unsigned sum wraps: a negative start is a huge one to the kernel, and the range reaches 0. */
function wraps(start: number, size: number): boolean {
  return start < 0 && size > 0 && start + size >= 0;
}

/** Zaps the slot's leaves. Pages, marks, RMP entries and copies stay, unless this was the last hold on a closed file. */
export function deleteSlot(state: State, slot: Slot): void {
  zapIndexes(state, slot.file, slot.firstIndex, slot.firstIndex + slot.pages);
  slot.vm.slots = slot.vm.slots.filter((other) => other !== slot);
  slot.file.slots = slot.file.slots.filter((other) => other !== slot);
  if (!slot.file.open && slot.file.slots.length === 0) dropAllCopies(state, slot.file);
}
