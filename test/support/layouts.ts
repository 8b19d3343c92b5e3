/**
 * Files and slots for random streams: sizes around the edges of huge pages, one file in several slots, windows that are not
 * congruent with the file, and now and then something absurdly large.
 */
import type { Random } from './prng.js';
import { BLOCK, type Setting } from './setting.js';
import type { File, Slot, World } from './world.js';

const HUGE_FILE_PAGES = 2 ** 28;
const MOST_UNITS = 3;
/** Guest-physical addresses end at 2^52 bytes. */
const LAST_GFN = 2 ** 40;
const AREA_BASES = [0, BLOCK, 2 ** 20, 2 ** 28, 2 ** 39];

/** Slots live in areas of this many gfns, one area for each slot number. */
function areaPages({ giant, unit }: Setting): number {
  return giant ? 4 * unit : 16 * BLOCK;
}

/** Pages of a new file. Where memory would not stop them, runs over whole files are kept short by small files. */
export function filePages(random: Random, setting: Setting, poolFree: number): number {
  if (setting.poolPages !== undefined) return poolFilePages(random, setting, poolFree);
  const how = random.weighted({ page: 6, block: 20, nearBlock: 20, blocks: 25, any: 20, huge: setting.roomy ? 0 : 6 });
  if (how === 'page') return 1;
  if (how === 'block') return BLOCK;
  if (how === 'nearBlock') return BLOCK * random.between(1, 3) + random.pick([1, -1, 2, 17]);
  if (how === 'blocks') return BLOCK * random.between(2, 3);
  if (how === 'any') return random.between(2, MOST_UNITS * BLOCK);
  return HUGE_FILE_PAGES + random.pick([0, BLOCK, 1]);
}

/** Whole huge pages, mostly as many as the pool still has. */
function poolFilePages(random: Random, { unit }: Setting, poolFree: number): number {
  const how = random.weighted({ fits: 86, odd: 6, tooMany: 5, huge: 3 });
  if (how === 'odd') return Math.max(1, unit * random.between(1, 2) + random.pick([1, -1, BLOCK, -BLOCK]));
  if (how === 'huge') return HUGE_FILE_PAGES;
  const free = poolFree / unit;
  if (how === 'tooMany') return (free + 1) * unit;
  return unit * Math.max(1, Math.min(free, random.pick([1, 1, 1, 2, 2, MOST_UNITS])));
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
  const { unit, giant } = world.setting;
  const slot = freeSlotNumber(random, world, file.vm);
  if (random.chance(0.02)) {
    const over = random.pick([0, 0, 1, BLOCK]);
    return { vm: file.vm, slot, gfn: LAST_GFN - pages + over, pages, file, index };
  }
  const base = random.pick(AREA_BASES) + slot * areaPages(world.setting);
  const fit = random.weighted({ congruent: 60, off: 20, aligned: 15, blocks: giant ? 10 : 0 });
  let shift = 0;
  if (fit === 'congruent') shift = index % unit;
  else if (fit === 'off') shift = random.pick([1, 3, 256, 511]);
  else if (fit === 'blocks') shift = (index % BLOCK) + BLOCK * random.pick([1, 3, 256]);
  return { vm: file.vm, slot, gfn: base - (base % unit) + shift, pages, file, index };
}

/** Slots that cover a file in one of the usual ways; the last choice leaves parts of the file unbound. */
export function slotsFor(random: Random, world: World, file: File): Slot[] {
  const { unit } = world.setting;
  if (file.pages > MOST_UNITS * unit * 2) {
    const last = Math.max(0, file.pages - random.between(1, 4) * BLOCK);
    const index = random.pick([0, BLOCK, 2 ** 27, last]);
    return [add(world, slotFor(random, world, file, index, Math.min(3 * BLOCK, file.pages - index)))];
  }
  const how = random.weighted({ whole: 55, two: file.pages > 1 ? 25 : 0, part: 20 });
  if (how === 'whole') return [add(world, slotFor(random, world, file, 0, file.pages))];
  const cut = random.pick([BLOCK, BLOCK + 1, BLOCK - 1, unit, unit / 2, unit - BLOCK, file.pages >> 1]);
  const middle = Math.min(file.pages - 1, Math.max(1, cut));
  if (how === 'two') {
    const first = add(world, slotFor(random, world, file, 0, middle));
    const second = slotFor(random, world, file, middle, file.pages - middle);
    // One behind the other at consecutive gfns: an op can reach over both.
    const beside = random.chance(0.5) && first.gfn + file.pages <= LAST_GFN;
    return [first, add(world, beside ? { ...second, gfn: first.gfn + first.pages } : second)];
  }
  const from = random.below(file.pages);
  return [add(world, slotFor(random, world, file, from, 1 + random.below(file.pages - from)))];
}

function add(world: World, slot: Slot): Slot {
  world.slots.push(slot);
  return slot;
}
