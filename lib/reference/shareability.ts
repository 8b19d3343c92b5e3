/**
 * Who may use a page now. By discard the kind of guest memory is an attribute of the VM, by gfn; in place it is kept by
 * the file, by index (docs/semantics.md section 5, docs/semantics-designs.md section 15).
 */
import type { Kind } from './kinds.js';
import type { GmemFile, Slot, Vm } from './model.js';
import { gfnOf, indexOf, slotAt, slotOfIndex } from './slots.js';
import type { State } from './state.js';

/** Kind of a gfn. In place a gfn that no open file stands behind has the arch's initial kind. */
export function kindOfGfn(state: State, vm: Vm, gfn: number): Kind {
  if (!state.inPlace) return vm.kinds.at(gfn);
  const slot = slotAt(vm, gfn);
  return slot?.file.open ? slot.file.kinds.at(indexOf(slot, gfn)) : vm.kinds.initial;
}

/** Kind of an index: the file's own in place, else that of the gfn it is bound to. */
export function kindOfIndex(state: State, file: GmemFile, index: number): Kind {
  if (state.inPlace) return file.kinds.at(index);
  const slot = slotOfIndex(file, index);
  return slot === undefined ? file.vm.kinds.initial : file.vm.kinds.at(gfnOf(slot, index));
}

/** All indexes of [first, end), bound by `slot`, are of `kind`. */
export function uniformKind(state: State, slot: Slot, first: number, end: number, kind: Kind): boolean {
  return state.inPlace
    ? slot.file.kinds.uniform(first, end, kind)
    : slot.vm.kinds.uniform(gfnOf(slot, first), gfnOf(slot, end), kind);
}

/** A new folio over these indexes must not stay huge: it would hold a shared page. */
export function holdsShared(state: State, file: GmemFile, first: number, end: number): boolean {
  return state.inPlace && !state.natural && !file.kinds.uniform(first, end, 'private');
}
