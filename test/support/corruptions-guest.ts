/**
 * What can be wrong with RMP, slots, leaves and counters, one thing at a time, and the line verify() must say.
 */
import { type Block, LEAF } from '../../lib/reference/model.js';
import type { Corruption } from './healthy.js';

export const GUEST_CORRUPTIONS: readonly Corruption[] = [
  [
    'assigned, not marked',
    'snp',
    /is not marked/,
    ({ whole }) => {
      whole.marked[8] = 0;
    },
  ],
  [
    'marked, not assigned',
    'snp',
    /is not assigned/,
    ({ broken, state }) => void state.rmp.makeShared4k(broken.pfn[2] as number),
  ],
  [
    'assigned to another guest',
    'snp',
    /to ASID 9, it belongs to 1/,
    ({ broken, state }) => void state.rmp.makePrivate4k(broken.pfn[2] as number, 9, 514),
  ],
  ['assigned and free', 'snp', /which is no gmem page/, ({ state }) => void state.rmp.makePrivate4k(16000, 1, 0)],
  [
    'assigned without snp',
    'none',
    /without snp/,
    ({ broken, state }) => void state.rmp.makePrivate4k(broken.pfn[2] as number, 1, 514),
  ],
  [
    'left immutable',
    'snp',
    /left immutable/,
    ({ broken, state }) => void state.rmp.makePrivate4k(broken.pfn[2] as number, 1, 514, true),
  ],
  [
    'a torn 2M entry',
    'snp',
    /is not whole/,
    ({ state, whole }) => void state.rmp.blocks.get((whole.pfn[0] as number) / 512)?.gfn.fill(7),
  ],
  [
    'overlapping slots',
    'none',
    /out of order or overlapping/,
    ({ vm, slot }) => void vm.slots.push({ ...slot, number: 3 }),
  ],
  ['a slot twice', 'none', /slot number twice/, ({ vm, slot }) => void vm.slots.push(slot)],
  [
    'a slot its file does not know',
    'none',
    /is not one of its file/,
    ({ file }) => {
      file.slots = [];
    },
  ],
  [
    'a slot its VM does not know',
    'none',
    /a slot its VM does not have/,
    ({ vm }) => {
      vm.slots = [];
    },
  ],
  [
    'a slot beyond its file',
    'none',
    /binds beyond its file/,
    ({ vm, slot }) => {
      vm.slots = [{ ...slot, pages: 2 ** 20 }];
    },
  ],
  ['an index bound twice', 'none', /bound twice/, ({ file, slot }) => void file.slots.push({ ...slot })],
  [
    'a dead VM with slots',
    'none',
    /is gone and still has slots/,
    ({ vm, state }) => {
      vm.destroyed = true;
      state.gmems.clear();
    },
  ],
  ['flips out of order', 'none', /flips out of order/, ({ vm }) => void vm.kinds.flips.push(1)],
  [
    'a leaf over nothing',
    'none',
    /no page behind it/,
    ({ broken }) => {
      broken.leaf[0] = LEAF.small;
    },
  ],
  [
    'a leaf over an unprepared page',
    'none',
    /not prepared/,
    ({ broken }) => {
      broken.marked[1] = 0;
      broken.leaf[1] = LEAF.small;
    },
  ],
  [
    'a leaf over poison',
    'none',
    /poisoned/,
    ({ broken }) => {
      broken.leaf[9] = LEAF.small;
    },
  ],
  [
    'a leaf outside every slot',
    'none',
    /not bound/,
    ({ other }) => {
      (other.blocks.get(0) as Block).leaf[0] = LEAF.small;
    },
  ],
  [
    'a 2M leaf over a split folio',
    'none',
    /folio or slot is not/,
    ({ whole }) => {
      whole.order = 0;
    },
  ],
  ['a 2M leaf over mixed kinds', 'none', /the attributes are mixed/, ({ vm }) => vm.kinds.set(7, 8, 'shared')],
  [
    'half a 2M leaf',
    'none',
    /511 pages of a 2M leaf/,
    ({ whole }) => {
      whole.leaf[0] = LEAF.none;
    },
  ],
  [
    'a 2M leaf over 4K RMP entries',
    'snp',
    /the RMP entry is 4K/,
    ({ state, whole }) => state.rmp.psmash(whole.pfn[0] as number),
  ],
  [
    'a leaf the RMP contradicts',
    'snp',
    /RMP says otherwise/,
    ({ state, broken }) => void state.rmp.makePrivate4k(broken.pfn[2] as number, 1, 9),
  ],
  [
    'faults',
    'none',
    /4K leaves: counters say/,
    ({ state }) => {
      state.tally.faults_4k += 1;
    },
  ],
  [
    'zaps',
    'none',
    /2M leaves: counters say/,
    ({ state }) => {
      state.tally.zaps_2m += 1;
    },
  ],
  [
    '4K folios',
    'none',
    /4K folios: counters say/,
    ({ state }) => {
      state.tally.folios_freed_4k += 1;
    },
  ],
  [
    '2M folios',
    'none',
    /2M folios: counters say/,
    ({ state }) => {
      state.tally.folios_allocated_2m += 1;
    },
  ],
  [
    'splits',
    'none',
    /2M folios: counters say/,
    ({ state }) => {
      state.tally.splits_2m += 1;
    },
  ],
  [
    'more ranges split than splits',
    'none',
    /split_distinct_2m: 4 ranges/,
    ({ other }) => [5, 6, 7].forEach((n) => void other.everSplit.add(n)),
  ],
  [
    'a counter of what is not simulated',
    'none',
    /sept_add/,
    ({ state }) => {
      state.tally.sept_add = 1;
    },
  ],
  [
    'prepares without snp',
    'none',
    /prepares/,
    ({ state }) => {
      state.tally.prepares = 1;
    },
  ],
  [
    'a peak below the present',
    'none',
    /host pages peak is 1/,
    ({ state }) => {
      state.frames.hostPagesPeak = 1;
    },
  ],
  [
    'a copy peak below the present',
    'none',
    /shared copy pages peak is 0/,
    ({ state }) => {
      state.frames.copyPagesPeak = 0;
    },
  ],
  [
    'exits',
    'none',
    /exits: 0, of them 1/,
    ({ state }) => {
      state.tally.exits = 0;
    },
  ],
];
