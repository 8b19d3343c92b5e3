/**
 * The guest's PVALIDATE (docs/semantics.md, section 10).
 */
import type { RecordFields } from '../ops/records.js';
import { PAGE_BYTES } from '../spec/units.js';
import { faultPage } from './fault.js';
import { BLOCK_PAGES } from './frames.js';
import { leafOrder, zapGfns } from './leaves.js';
import { pageAt, type Slot, type Vm } from './model.js';
import { aligned } from './ranges.js';
import { type Reply, refuse } from './reply.js';
import { PVALIDATE_CODE, type RmpEntry } from './rmp.js';
import { kindOfGfn } from './shareability.js';
import { indexOf, slotAt } from './slots.js';
import type { State } from './state.js';

const HUGE_BYTES = BLOCK_PAGES * PAGE_BYTES;

export function validate(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (state.arch === 'none' || state.arch === 'pkvm') return refuse('EOPNOTSUPP');
  const { address: gpa, size } = op;
  if ((size !== PAGE_BYTES && size !== HUGE_BYTES) || gpa < 0 || !aligned(gpa)) return refuse('EINVAL');
  if (gpa % size !== 0) return { values: { code: PVALIDATE_CODE.input } };
  const gfn = gpa / PAGE_BYTES;
  const failed = privateAccess(state, vm, gfn);
  if (failed !== undefined) return failed;

  state.tally.pvalidate += 1;
  const slot = slotAt(vm, gfn) as Slot;
  const pfn = pageAt(slot.file, indexOf(slot, gfn));
  const entry = state.rmp.lookup(pfn) as RmpEntry;
  if (size === HUGE_BYTES && !entry.huge) return { values: { code: PVALIDATE_CODE.sizeMismatch } };
  if (size === PAGE_BYTES && entry.huge) {
    const head = gfn - (gfn % BLOCK_PAGES);
    state.rmp.psmash(pfn);
    zapGfns(state, vm, head, head + BLOCK_PAGES);
    const again = privateAccess(state, vm, gfn);
    if (again !== undefined) return again;
  }
  return { values: { code: state.rmp.validate(pfn) } };
}

/** Through a live private leaf, or by a private fault. @returns why there is no page. */
function privateAccess(state: State, vm: Vm, gfn: number): Reply | undefined {
  const slot = slotAt(vm, gfn);
  const live = slot !== undefined && leafOrder(slot.file, indexOf(slot, gfn)) !== undefined;
  if (live && kindOfGfn(state, vm, gfn) === 'private') return undefined;
  const reply = faultPage(state, vm, gfn, 'private', true);
  return reply.errno === undefined ? undefined : reply;
}
