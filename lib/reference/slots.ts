/**
 * Memslot lookups: which gfns are bound to which indexes of which file. bind.ts makes and deletes the slots.
 *
 * Invariants: the slots of a VM are ascending by gfn and disjoint; those of a file have disjoint index ranges.
 */
import type { GmemFile, Slot, Vm } from './model.js';

export function slotAt(vm: Vm, gfn: number): Slot | undefined {
  let low = 0;
  let high = vm.slots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((vm.slots[middle] as Slot).firstGfn <= gfn) low = middle + 1;
    else high = middle;
  }
  const slot = vm.slots[low - 1];
  return slot !== undefined && gfn < slot.firstGfn + slot.pages ? slot : undefined;
}

/** The slot that binds an index of a file. */
export function slotOfIndex(file: GmemFile, index: number): Slot | undefined {
  return file.slots.find((slot) => slot.firstIndex <= index && index < slot.firstIndex + slot.pages);
}

export function indexOf(slot: Slot, gfn: number): number {
  return gfn - slot.firstGfn + slot.firstIndex;
}

export function gfnOf(slot: Slot, index: number): number {
  return index - slot.firstIndex + slot.firstGfn;
}

export interface SlotPart {
  readonly slot: Slot;
  readonly firstIndex: number;
  readonly endIndex: number;
}

/** The slots that gfns [first, end) overlap, ascending by gpa, and the indexes behind the overlap. */
export function slotParts(vm: Vm, first: number, end: number): SlotPart[] {
  return vm.slots
    .filter((slot) => slot.firstGfn < end && first < slot.firstGfn + slot.pages)
    .map((slot) => ({
      slot,
      firstIndex: indexOf(slot, Math.max(first, slot.firstGfn)),
      endIndex: indexOf(slot, Math.min(end, slot.firstGfn + slot.pages)),
    }));
}
