/**
 * The guest takes a page into use: PVALIDATE of SNP (docs/semantics.md, section 10), TDG.MEM.PAGE.ACCEPT of TDX
 * (docs/semantics-tdx.md, section 23).
 */
import type { RecordFields } from '../ops/records.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, PAGE_BYTES } from '../spec/units.js';
import { faultPage } from './fault.js';
import { BLOCK_PAGES } from './frames.js';
import { mayRun } from './launch.js';
import { leafOrder, zapGfns } from './leaves.js';
import { type Block, blockOf, pageAt, type Slot, type Vm } from './model.js';
import { mappingOrder, prepare } from './prepare.js';
import { aligned } from './ranges.js';
import { type Reply, refuse } from './reply.js';
import { PVALIDATE_CODE, type RmpEntry } from './rmp.js';
import { smash } from './rmp-updates.js';
import { accept, demote } from './sept.js';
import { kindOfGfn } from './shareability.js';
import { indexOf, slotAt } from './slots.js';
import type { State } from './state.js';

const HUGE_BYTES = BLOCK_PAGES * PAGE_BYTES;

export function validate(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (!mayRun(state, vm)) return refuse('EINVAL');
  if (state.arch === 'none' || state.arch === 'pkvm') return refuse('EOPNOTSUPP');
  const { address: gpa, size } = op;
  if ((size !== PAGE_BYTES && size !== HUGE_BYTES) || gpa < 0 || !aligned(gpa)) return refuse('EINVAL');
  if (gpa % size !== 0) return { values: { code: PVALIDATE_CODE.input } };
  const gfn = gpa / PAGE_BYTES;
  return state.arch === 'tdx' ? acceptPage(state, vm, gfn, size) : pvalidate(state, vm, gfn, size);
}

function pvalidate(state: State, vm: Vm, gfn: number, size: number): Reply {
  const failed = privateAccess(state, vm, gfn);
  if (failed !== undefined) return failed;
  state.tally.pvalidate += 1;
  const slot = slotAt(vm, gfn) as Slot;
  const pfn = pageAt(slot.file, indexOf(slot, gfn));
  const entry = state.rmp.lookup(pfn) as RmpEntry;
  if (size === HUGE_BYTES && !entry.huge) return { values: { code: PVALIDATE_CODE.sizeMismatch } };
  if (size === PAGE_BYTES && entry.huge) {
    handleRmpFault(state, slot, gfn, pfn);
    const again = privateAccess(state, vm, gfn);
    if (again !== undefined) return again;
  }
  return { values: { code: state.rmp.validate(pfn) } };
}

/**
 * The host's answer to a 4K PVALIDATE on a 2M entry (sev_handle_rmp_fault). It gets the page as a fault does, prepare hook
 * and all, and zaps 512 gfns from the faulting one on: not those of the block, which starts before.
 */
function handleRmpFault(state: State, slot: Slot, gfn: number, pfn: number): void {
  const index = indexOf(slot, gfn);
  const order = mappingOrder(state, slot, index, (blockOf(slot.file, index) as Block).order, 'private');
  prepare(state, slot, index, order, 'private');
  smash(state, pfn);
  zapGfns(state, slot.vm, gfn, gfn + BLOCK_PAGES);
}

/** The level of the accept travels with the EPT violation it causes, so the fault maps no more than that. */
function acceptPage(state: State, vm: Vm, gfn: number, size: number): Reply {
  const level = size === HUGE_BYTES ? ORDER_2M : ORDER_4K;
  const failed = privateAccess(state, vm, gfn, level);
  if (failed !== undefined) return failed;
  state.tally.pvalidate += 1;
  const { file, index } = pageOf(vm, gfn);
  const live = leafOrder(file, index) ?? ORDER_4K;
  if (live < level) return { values: { code: PVALIDATE_CODE.sizeMismatch } };
  if (live > level) demote(state, blockOf(file, index) as Block);
  return { values: { code: accept(file, index) ? PVALIDATE_CODE.ok : PVALIDATE_CODE.noUpdate } };
}

function pageOf(vm: Vm, gfn: number): { file: Slot['file']; index: number } {
  const slot = slotAt(vm, gfn) as Slot;
  return { file: slot.file, index: indexOf(slot, gfn) };
}

/** Through a live private leaf, or by a private fault whose leaf is at most of `most`. @returns why there is no page. */
function privateAccess(state: State, vm: Vm, gfn: number, most: Order = ORDER_1G): Reply | undefined {
  const slot = slotAt(vm, gfn);
  const live = slot !== undefined && leafOrder(slot.file, indexOf(slot, gfn)) !== undefined;
  if (live && kindOfGfn(state, vm, gfn) === 'private') return undefined;
  const reply = faultPage(state, vm, gfn, 'private', true, most);
  return reply.errno === undefined ? undefined : reply;
}
