/**
 * The launch phase: kvm_gmem_populate with SNP's launch update or TDX's page add as its callback, and its end
 * (docs/semantics.md section 10, docs/semantics-tdx.md section 22).
 */
import { hasFlag, type RecordFields } from '../ops/records.js';
import type { Errno } from '../spec/errnos.js';
import { ORDER_2M, ORDER_4K, PAGE_BYTES, pagesOf } from '../spec/units.js';
import { ensurePage } from './folios.js';
import { BLOCK_PAGES } from './frames.js';
import { install } from './leaves.js';
import { type Block, blockOf, pageAt, type Slot, type Vm } from './model.js';
import { isPrepared, mappingOrder } from './prepare.js';
import { validRange } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import { assign, share } from './rmp-updates.js';
import { addMeasured, hasPrivateLeaf } from './sept.js';
import { kindOfIndex, uniformKind } from './shareability.js';
import { indexOf, slotAt } from './slots.js';
import type { State } from './state.js';

export function finalize(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (vm.finalized) return refuse('EINVAL');
  vm.finalized = true;
  return OK;
}

export function populate(state: State, op: RecordFields): Reply {
  const vm = state.vm(op.vm);
  if (vm === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size) || vm.finalized) return refuse('EINVAL');
  const first = op.address / PAGE_BYTES;
  const slot = slotAt(vm, first);
  if (slot === undefined) return refuse('EINVAL');
  if (!slot.file.open) return refuse('EFAULT');
  const end = Math.min(first + op.size / PAGE_BYTES, slot.firstGfn + slot.pages);
  const absent = hasFlag(op.flags, 'absent');
  let gfn = first;
  while (gfn < end) {
    const step = populateStep(state, slot, gfn, end, op.arg, absent);
    if (typeof step !== 'number') {
      if (gfn === first) return refuse(step);
      break;
    }
    vm.launching = true;
    gfn += step;
  }
  return { values: { done: gfn - first } };
}

/**
 * The callback of a step, page by page: contents, and on snp the RMP entry and the firmware's work. When a page is refused
 * the entries of this call are made shared again.
 */
function fillPages(state: State, vm: Vm, pfns: Uint32Array, gfn: number, fill: number): Errno | undefined {
  const { asid } = vm;
  const giveUp = (page: number, errno: Errno): Errno => {
    if (state.arch === 'snp') for (const pfn of pfns.subarray(0, page)) share(state, pfn, ORDER_4K);
    return errno;
  };
  for (const [page, pfn] of pfns.entries()) {
    if (!state.contents.write(pfn, 0, PAGE_BYTES, fill)) return giveUp(page, 'ENOMEM');
    if (state.arch !== 'snp') continue;
    if (!assign(state, pfn, ORDER_4K, { asid, gfn: gfn + page, immutable: true })) return giveUp(page, 'EFAULT');
    state.rmp.launched(pfn);
  }
  return undefined;
}

/** One step from `gfn`. @returns its pages, or why it was refused. */
function populateStep(
  state: State,
  slot: Slot,
  gfn: number,
  end: number,
  fill: number,
  absent: boolean,
): number | Errno {
  const tracked = state.knobs.preparedness !== 'none';
  const index = indexOf(slot, gfn);
  if (absent && state.knobs.lock === 'mainline') return 'ENOMEM';
  if (!ensurePage(state, slot.file, index, false)) return 'ENOMEM';
  if (state.frames.poisoned.has(pageAt(slot.file, index))) return 'EHWPOISON';
  const block = blockOf(slot.file, index) as Block;
  const at = index % BLOCK_PAGES;
  const huge =
    state.arch !== 'tdx' &&
    !state.faulty('uninitialised-order') &&
    mappingOrder(state, slot, index, block.order, 'private') > ORDER_4K &&
    at === 0 &&
    gfn + BLOCK_PAGES <= end &&
    uniformKind(state, slot, index, index + BLOCK_PAGES, 'private');
  const mayBePartly = huge && state.faulty('partly-prepared-populate');
  if (tracked && isPrepared(state, slot.file, index) && !mayBePartly) return 'EEXIST';
  if (kindOfIndex(state, slot.file, index) !== 'private') return 'EINVAL';
  const pages = pagesOf(huge ? ORDER_2M : ORDER_4K);
  const pfns = block.pfn.subarray(at, at + pages);
  const prepared = pfns.reduce((sum, _, i) => sum + Number(isPrepared(state, slot.file, index + i)), 0);
  if (tracked && prepared > (mayBePartly ? pages - 1 : 0)) return 'EEXIST';
  if (pfns.some((pfn) => state.rmp.assigned(pfn)) || hasPrivateLeaf(slot.file, index)) return 'EEXIST';
  if (absent) return 'EFAULT';
  const refused = fillPages(state, slot.vm, pfns, gfn, fill);
  if (refused !== undefined) return refused;
  block.marked.fill(1, at, at + pages);
  if (state.arch === 'tdx') {
    install(state, slot.file, index, ORDER_4K);
    addMeasured(state, slot.file, index);
  }
  if (state.faulty('order-from-gfn-alone') && gfn % BLOCK_PAGES === 0 && block.order > ORDER_4K) block.marked.fill(1);
  return pages;
}
