/**
 * Changing the kind of guest memory: the attributes ioctl alone, and a conversion by discard around it
 * (docs/semantics.md, sections 5 and 9). In place: convert-in-place.ts.
 */
import { hasFlag, type RecordFields } from '../ops/records.js';
import { CONTENTS } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';
import { convertInPlace } from './convert-in-place.js';
import { dropCopies } from './copies.js';
import type { Kind } from './kinds.js';
import { zapGfns } from './leaves.js';
import type { Vm } from './model.js';
import { punchForConversion } from './punch.js';
import { validRange } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import { forgetRetained } from './retained.js';
import { slotParts } from './slots.js';
import type { State } from './state.js';

/** KVM_SET_MEMORY_ATTRIBUTES: the file is not touched. In place the VM keeps no attributes. */
export function attributes(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  if (state.inPlace) return refuse('EOPNOTSUPP');
  setKind(state, vm, op.address / PAGE_BYTES, (op.address + op.size) / PAGE_BYTES, kindOf(op));
  return OK;
}

export function convert(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  const first = op.address / PAGE_BYTES;
  const end = (op.address + op.size) / PAGE_BYTES;
  const to = kindOf(op);
  return state.inPlace
    ? convertInPlace(state, vm, first, end, to, CONTENTS[op.arg] ?? 'unspecified')
    : convertByDiscard(state, vm, first, end, to, op);
}

function convertByDiscard(state: State, vm: Vm, first: number, end: number, to: Kind, op: RecordFields): Reply {
  if (CONTENTS[op.arg] !== 'unspecified') return refuse('EOPNOTSUPP');
  state.tally.converts += 1;
  state.tally.exits += 1;
  const changed = setKind(state, vm, first, end, to);
  state.tally.converted_pages += changed;
  let split = 0;
  for (const { slot, firstIndex, endIndex } of slotParts(vm, first, end)) {
    if (to === 'private') {
      forgetRetained(slot.file, firstIndex, endIndex);
      if (!state.knobs.keepShared) dropCopies(state, slot.file, firstIndex, endIndex);
    } else if (slot.file.open) {
      split += punchForConversion(state, slot.file, firstIndex, endIndex);
    }
  }
  return { values: { changed, split, merged: 0 } };
}

/**
 * Zaps what is mapped as it was and stores, unless every gfn of [first, end) has the kind already
 * (kvm_arch_pre_set_memory_attributes).
 *
 * @returns gfns whose kind changed
 */
function setKind(state: State, vm: Vm, first: number, end: number, to: Kind): number {
  const changed = vm.kinds.countOther(first, end, to);
  if (changed === 0) return 0;
  zapGfns(state, vm, first, end, { kind: to === 'private' ? 'shared' : 'private' });
  vm.kinds.set(first, end, to);
  return changed;
}

function kindOf(op: RecordFields): Kind {
  return hasFlag(op.flags, 'private') ? 'private' : 'shared';
}
