/**
 * The S-EPT mirrors the private leaves of a TDX guest, of 4K and 2M, and nothing else; what the guest has accepted lies under
 * them; and its events make the leaves there are (docs/semantics-tdx.md, section 23).
 */
import { levelName, ORDER_2M } from '../../spec/units.js';
import { BLOCK_PAGES } from '../frames.js';
import { leafOrder } from '../leaves.js';
import { type Block, type GmemFile, LEAF, SEPT } from '../model.js';
import { kindOfIndex } from '../shareability.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

export function verifySept(state: State, check: Check): void {
  let live = 0;
  for (const file of state.files) {
    for (const [number, block] of file.blocks) {
      verifyBlock(state, file, number * BLOCK_PAGES, block, check);
      const entries = block.sept.reduce((sum, entry) => sum + (entry === SEPT.none ? 0 : 1), 0);
      live += block.leaf[0] === LEAF.huge ? Math.min(entries, 1) : entries;
    }
  }
  const { tally } = state;
  const grown = (BLOCK_PAGES - 1) * (tally.sept_demote - tally.sept_promote);
  const counted = tally.sept_add + tally.sept_aug - tally.sept_remove + grown;
  check(counted === live, () => `private leaves: sept_* counters say ${counted}, there are ${live}`);
  const zaps = tally.zaps_4k + tally.zaps_2m;
  check(tally.sept_remove <= zaps, () => `sept_remove: ${tally.sept_remove} of ${zaps} zaps`);
  for (const vm of state.vms.values()) {
    if (state.arch !== 'tdx' || vm.finalized || vm.launching) continue;
    const mapped = vm.slots.some(({ file }) => [...file.blocks.values()].some(({ leaf }) => leaf.some((is) => is > 0)));
    check(!mapped, () => `vm ${vm.id} has leaves, and has neither been populated nor run`);
  }
}

function verifyBlock(state: State, file: GmemFile, base: number, block: Block, check: Check): void {
  const expected = (at: number): boolean =>
    state.arch === 'tdx' && block.leaf[at] !== LEAF.none && kindOfIndex(state, file, base + at) === 'private';
  for (let at = 0; at < BLOCK_PAGES; at += 1) {
    const index = base + at;
    const entry = block.sept[at] !== SEPT.none;
    const accepted = block.sept[at] === SEPT.accepted ? ', accepted' : '';
    check(
      entry === expected(at),
      () =>
        `gmem ${file.id} index ${index}: ${entry ? `an S-EPT entry${accepted}, no` : 'no S-EPT entry, a'} private leaf`,
    );
    const order = leafOrder(file, index);
    check(
      !entry || order === undefined || order <= ORDER_2M,
      () => `gmem ${file.id} index ${index}: a private leaf of ${levelName(order ?? 0)}`,
    );
  }
  const whole = block.leaf[0] !== LEAF.huge || block.sept.every((entry) => entry === block.sept[0]);
  check(whole, () => `gmem ${file.id} index ${base}: a private 2M leaf accepted in part`);
}
