/**
 * Files and slots for random streams: sizes around block edges, one file in several slots, windows that are not
 * congruent with the file, and now and then something absurdly large.
 */
import type { Random } from './prng.js';
import { BLOCK, type File, type Slot, type World } from './world.js';

const HUGE_FILE_PAGES = 2 ** 28;
const MOST_FILE_PAGES = 3 * BLOCK;
/** Slots live in areas of this many gfns, one area for each slot number. */
const AREA_PAGES = 16 * BLOCK;
/** Guest-physical addresses end at 2^52 bytes. */
const LAST_GFN = 2 ** 40;
const AREA_BASES = [0, BLOCK, 2 ** 20, 2 ** 28, 2 ** 39];

/** Pages of a new file. `small` keeps runs over whole files short where memory would not stop them. */
export function filePages(random: Random, small: boolean): number {
  const how = random.weighted({ page: 6, block: 20, nearBlock: 20, blocks: 25, any: 20, huge: small ? 0 : 6 });
  if (how === 'page') return 1;
  if (how === 'block') return BLOCK;
  if (how === 'nearBlock') return BLOCK * random.between(1, 3) + random.pick([1, -1, 2, 17]);
  if (how === 'blocks') return BLOCK * random.between(2, 3);
  if (how === 'any') return random.between(2, MOST_FILE_PAGES);
  return HUGE_FILE_PAGES + random.pick([0, BLOCK, 1]);
}

function freeSlotNumber(random: Random, world: World, vm: number): number {
  for (;;) {
    const slot = random.below(12);
    if (!world.slots.some((other) => other.vm === vm && other.slot === slot)) return slot;
    if (world.slots.length >= 12) return random.below(32764);
  }
}

/** A slot for `pages` of `file` from `index`, at a place of its own in the VM; congruent with the file or not. */
export function slotFor(random: Random, world: World, file: File, index: number, pages: number): Slot {
  const slot = freeSlotNumber(random, world, file.vm);
  if (random.chance(0.02)) {
    const over = random.pick([0, 0, 1, BLOCK]);
    return { vm: file.vm, slot, gfn: LAST_GFN - pages + over, pages, file, index };
  }
  const base = random.pick(AREA_BASES) + slot * AREA_PAGES;
  const fit = random.weighted({ congruent: 60, off: 25, aligned: 15 });
  const shift = fit === 'congruent' ? index % BLOCK : fit === 'aligned' ? 0 : random.pick([1, 3, 256, 511]);
  return { vm: file.vm, slot, gfn: base - (base % BLOCK) + shift, pages, file, index };
}

/** Slots that cover a file in one of the usual ways; the last choice leaves parts of the file unbound. */
export function slotsFor(random: Random, world: World, file: File): Slot[] {
  if (file.pages > MOST_FILE_PAGES * 2) {
    const last = Math.max(0, file.pages - random.between(1, 4) * BLOCK);
    const index = random.pick([0, BLOCK, 2 ** 27, last]);
    return [add(world, slotFor(random, world, file, index, Math.min(3 * BLOCK, file.pages - index)))];
  }
  const how = random.weighted({ whole: 55, two: file.pages > 1 ? 25 : 0, part: 20 });
  if (how === 'whole') return [add(world, slotFor(random, world, file, 0, file.pages))];
  const middle = Math.min(file.pages - 1, Math.max(1, random.pick([BLOCK, BLOCK + 1, BLOCK - 1, file.pages >> 1])));
  if (how === 'two') {
    const first = add(world, slotFor(random, world, file, 0, middle));
    return [first, add(world, slotFor(random, world, file, middle, file.pages - middle))];
  }
  const from = random.below(file.pages);
  return [add(world, slotFor(random, world, file, from, 1 + random.below(file.pages - from)))];
}

function add(world: World, slot: Slot): Slot {
  world.slots.push(slot);
  return slot;
}
