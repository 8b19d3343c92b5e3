/**
 * Kinds in place: a huge folio holds no shared page unless the design says so, no private page is pinned, natural's
 * recorded ranges are what is shared; by discard: retained pages are pages.
 */
import { NO_PFN } from '../../spec/page-view.js';
import { levelName, ORDER_4K } from '../../spec/units.js';
import { BLOCK_PAGES } from '../frames.js';
import { type GmemFile, pageAt } from '../model.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

export function verifyKinds(state: State, check: Check): void {
  for (const file of state.files) {
    for (const index of file.retained) {
      check(pageAt(file, index) !== NO_PFN, () => `gmem ${file.id} index ${index} is retained and absent`);
    }
    check(
      file.retained.size === 0 || (!state.inPlace && state.knobs.punch !== 'split'),
      () => `gmem ${file.id}: retained pages`,
    );
    if (!state.inPlace) {
      check(file.kinds.flips.length === 0, () => `gmem ${file.id} keeps kinds, its VM does`);
      continue;
    }
    verifyInPlace(state, file, check);
  }
  if (!state.inPlace) return;
  for (const vm of state.vms.values()) {
    check(vm.kinds.flips.length === 0, () => `vm ${vm.id} keeps kinds, its files do`);
  }
}

function verifyInPlace(state: State, file: GmemFile, check: Check): void {
  const { flips } = file.kinds;
  check(
    flips.every((index, i) => i === 0 || (flips[i - 1] as number) < index),
    () => `gmem ${file.id}: kinds out of order`,
  );
  for (const [number, block] of file.blocks) {
    check(
      block.copy.every((pfn) => pfn === NO_PFN),
      () => `gmem ${file.id} block ${number} has copies in place`,
    );
    if (block.order === ORDER_4K || state.natural) continue;
    const base = number * BLOCK_PAGES;
    const isPrivate = file.kinds.uniform(base, base + BLOCK_PAGES, 'private');
    check(isPrivate, () => `gmem ${file.id} index ${base}: a ${levelName(block.order)} folio with a shared page`);
  }
  for (const [index, pins] of file.pins) {
    const pinned = pins.some(({ pfn }) => pfn === pageAt(file, index));
    check(!pinned || file.kinds.at(index) === 'shared', () => `gmem ${file.id} index ${index} is private and pinned`);
  }
  if (state.natural) verifyRecords(file, check);
}

/** The recorded ranges are disjoint, all shared, and all that is shared. */
function verifyRecords(file: GmemFile, check: Check): void {
  let recorded = 0;
  for (const [first, end] of file.sharedRanges) {
    recorded += end - first;
    check(
      file.kinds.uniform(first, end, 'shared'),
      () => `gmem ${file.id}: [${first}, ${end}) is recorded as shared and is not`,
    );
  }
  const shared = file.kinds.countOther(0, file.pages, 'private');
  check(shared === recorded, () => `gmem ${file.id}: ${shared} shared pages, ${recorded} recorded`);
}
