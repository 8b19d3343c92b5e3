/**
 * Memslots and VMs: slots sorted and disjoint on both sides, known to both, and gone with the last file of a dead VM;
 * attributes as sorted flips.
 */
import type { Slot } from '../model.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

export function verifySlots(state: State, check: Check): void {
  for (const vm of state.vms.values()) {
    const { slots } = vm;
    check(
      slots.every((slot, i) => i === 0 || endGfn(slots[i - 1] as Slot) <= slot.firstGfn),
      () => `vm ${vm.id}: slots out of order or overlapping`,
    );
    check(new Set(slots.map((slot) => slot.number)).size === slots.length, () => `vm ${vm.id}: a slot number twice`);
    for (const slot of slots) {
      const known = slot.vm === vm && slot.file.vm === vm && slot.file.slots.includes(slot);
      check(known, () => `vm ${vm.id} slot ${slot.number} is not one of its file's`);
      const inside = slot.firstIndex >= 0 && slot.pages > 0 && slot.firstIndex + slot.pages <= slot.file.pages;
      check(inside, () => `vm ${vm.id} slot ${slot.number} binds beyond its file`);
    }
    const open = [...state.gmems.values()].some((file) => file.vm === vm);
    check(!vm.destroyed || open || slots.length === 0, () => `vm ${vm.id} is gone and still has slots`);
    const { flips } = vm.kinds;
    check(
      flips.every((gfn, i) => i === 0 || (flips[i - 1] as number) < gfn),
      () => `vm ${vm.id}: attribute flips out of order`,
    );
  }
  for (const file of state.files) {
    const slots = [...file.slots].sort((a, b) => a.firstIndex - b.firstIndex);
    const disjoint = slots.every((slot, i) => i === 0 || endIndex(slots[i - 1] as Slot) <= slot.firstIndex);
    check(disjoint, () => `gmem ${file.id}: an index is bound twice`);
    check(
      file.slots.every((slot) => slot.vm.slots.includes(slot)),
      () => `gmem ${file.id}: a slot its VM does not have`,
    );
  }
}

function endGfn(slot: Slot): number {
  return slot.firstGfn + slot.pages;
}

function endIndex(slot: Slot): number {
  return slot.firstIndex + slot.pages;
}
