/**
 * RMP: an assigned page is a marked gmem page of the VM it is assigned to, in place a private one; by discard a marked
 * page of an snp guest is assigned, unless it is poisoned (punch `zero` gives those up and leaves them alone); a 2M entry
 * is whole.
 */
import { BLOCK_PAGES } from '../frames.js';
import type { RmpBlock } from '../rmp.js';
import type { State } from '../state.js';
import type { Owner } from './frames.js';
import type { Check } from './verify.js';

export function verifyRmp(state: State, owners: ReadonlyMap<number, Owner>, check: Check): void {
  for (const [number, block] of state.rmp.blocks) {
    for (let at = 0; at < BLOCK_PAGES; at += 1) {
      const pfn = number * BLOCK_PAGES + at;
      const asid = block.asid[at] as number;
      if (asid === 0) continue;
      check(state.arch === 'snp', () => `RMP entry of pfn ${pfn} without snp`);
      check(block.immutable[at] === 0, () => `RMP entry of pfn ${pfn} was left immutable`);
      const owner = owners.get(pfn);
      check(owner !== undefined, () => `RMP assigns pfn ${pfn}, which is no gmem page`);
      if (owner === undefined) continue;
      const expected = owner.file.vm.asid;
      check(expected === asid, () => `RMP assigns pfn ${pfn} to ASID ${asid}, it belongs to ${expected}`);
      const { file, index } = owner;
      const marked = file.blocks.get(Math.floor(index / BLOCK_PAGES))?.marked[index % BLOCK_PAGES] === 1;
      check(marked, () => `RMP assigns pfn ${pfn}, gmem ${file.id} index ${index} is not marked`);
      const isPrivate = !state.inPlace || file.kinds.at(index) === 'private';
      check(isPrivate, () => `RMP assigns pfn ${pfn}, gmem ${file.id} index ${index} is shared`);
    }
    check(!block.huge || isWhole(block), () => `2M RMP entry at pfn ${number * BLOCK_PAGES} is not whole`);
  }
  if (state.arch !== 'snp' || state.inPlace) return;
  for (const [pfn, { file, index }] of owners) {
    const marked = file.blocks.get(Math.floor(index / BLOCK_PAGES))?.marked[index % BLOCK_PAGES] === 1;
    check(
      !marked || state.rmp.assigned(pfn) || state.frames.poisoned.has(pfn),
      () => `gmem ${file.id} index ${index} is marked, pfn ${pfn} is not assigned`,
    );
  }
}

/** One ASID, consecutive gfns from an aligned one, one validated flag. */
function isWhole(block: RmpBlock): boolean {
  const [asid, gfn, validated] = [block.asid[0] as number, block.gfn[0] as number, block.validated[0]];
  if (asid === 0 || gfn % BLOCK_PAGES !== 0) return false;
  return block.asid.every((a, at) => a === asid && block.gfn[at] === gfn + at && block.validated[at] === validated);
}
