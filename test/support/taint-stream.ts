/**
 * A random life of a few guests that write, give back and take again, for the taint tests. Chosen from what the model knows,
 * without references on gmem pages: those may keep a punched folio alive, which is not a matter of contents.
 */
import { PAGE_BYTES } from '../../lib/spec/units.js';
import type { Engine } from './differential.js';
import type { Keys } from './ops.js';
import type { TestPolicy } from './policies.js';
import { Random } from './prng.js';
import { TaintedRun } from './taint.js';
import { QUARTER_BYTES } from './taint-model.js';

const BLOCK = 512;
const AREA_PAGES = 8 * BLOCK;
const FILE_PAGES = [2 * BLOCK, BLOCK + 7, BLOCK - 1, 300];
const MEMORY_BYTES = [4, 6, 10, 16].map((mib) => mib * 2 ** 20);

interface Guest {
  readonly vm: number;
  readonly gmem: number;
  readonly pages: number;
  readonly mmap: boolean;
  /** gfn of the slot's first page. */
  base: number;
  bound: boolean;
}

/** Runs one life of `ops` ops; adds what was checked to `sums`. */
export function randomTaint(
  engine: Engine,
  policy: TestPolicy,
  seed: number,
  ops: number,
  sums: { checked: number; tainted: number },
): void {
  const random = new Random(seed + 31_337);
  const run = new TaintedRun(engine, policy, random.pick(MEMORY_BYTES));
  const guests = [0, 1, 2].map((gmem) => {
    const mmap = policy.arch === 'none' && random.chance(0.35);
    const guest = { vm: gmem % 2, gmem, pages: random.pick(FILE_PAGES), mmap, base: gmem * AREA_PAGES, bound: false };
    open(run, guest);
    return guest;
  });
  for (let i = 0; i < ops; i += 1) step(random, run, random.pick(guests));
  run.end();
  sums.checked += run.checked;
  sums.tainted += run.tainted;
}

function open(run: TaintedRun, guest: Guest): void {
  const { vm, gmem, pages } = guest;
  run.run('create', { vm, gmem, size: pages * PAGE_BYTES, flags: guest.mmap ? 3 : 0 });
  bind(run, guest);
}

function bind(run: TaintedRun, guest: Guest): void {
  const { vm, gmem, pages, base } = guest;
  run.run('bind', { vm, gmem, slot: gmem, gpa: base * PAGE_BYTES, size: pages * PAGE_BYTES });
  guest.bound = true;
}

function unbind(run: TaintedRun, guest: Guest): void {
  run.run('bind', { vm: guest.vm, slot: guest.gmem, size: 0 });
  guest.bound = false;
}

function range(random: Random, guest: Guest): { page: number; pages: number } {
  const edge = random.pick([0, 1, BLOCK - 1, BLOCK, guest.pages - 1, random.below(guest.pages)]);
  const page = Math.min(edge, guest.pages - 1);
  const pages = Math.min(guest.pages - page, random.pick([1, 1, 2, 9, BLOCK, guest.pages]));
  return { page, pages };
}

/** A few quarters of pages, or a whole page, somewhere in the file. */
function bytes(random: Random, guest: Guest): { at: number; size: number } {
  const page = range(random, guest).page * PAGE_BYTES;
  if (random.chance(0.6)) return { at: page, size: PAGE_BYTES };
  const at = page + random.below(4) * QUARTER_BYTES;
  const size = QUARTER_BYTES * random.between(1, 7);
  return { at, size: Math.min(size, guest.pages * PAGE_BYTES - at) };
}

function step(random: Random, run: TaintedRun, guest: Guest): void {
  const { vm, gmem } = guest;
  const { page, pages } = range(random, guest);
  const gpa = (guest.base + page) * PAGE_BYTES;
  const span = { vm, gpa, size: pages * PAGE_BYTES };
  const inFile = { gmem, offset: page * PAGE_BYTES, size: pages * PAGE_BYTES };
  const to = random.pick(['private', 'shared']);
  const { at, size } = bytes(random, guest);
  const access: Keys = { vm, gpa: guest.base * PAGE_BYTES + at, size };
  const how = random.weighted({
    guestWrite: 16,
    writeAll: 2,
    vmmWrite: 8,
    hostWrite: guest.mmap ? 6 : 0,
    guestRead: 24,
    vmmRead: 10,
    hostRead: guest.mmap ? 10 : 0,
    convert: 10,
    attributes: 4,
    punch: 6,
    populate: 4,
    fallocate: 2,
    touch: 4,
    validate: 3,
    split: 2,
    merge: 2,
    set: 1,
    rebind: 2,
    move: 1,
    recreate: 1,
    pin: guest.mmap ? 0 : 1.5,
    poison: 0.15,
  });
  if (how === 'guestWrite') run.taint('guest-write', access);
  else if (how === 'writeAll')
    run.taint('guest-write', { vm, gpa: guest.base * PAGE_BYTES, size: guest.pages * PAGE_BYTES });
  else if (how === 'vmmWrite') run.taint('vmm-write', access);
  else if (how === 'hostWrite') run.taint('host-write', { gmem, offset: at, size });
  else if (how === 'guestRead') run.run('guest-read', access);
  else if (how === 'vmmRead') run.run('vmm-read', access);
  else if (how === 'hostRead') run.run('host-read', { gmem, offset: at, size });
  else if (how === 'convert' || how === 'attributes') run.run(how, { ...span, to });
  else if (how === 'punch' || how === 'fallocate' || how === 'split') run.run(how, inFile);
  else if (how === 'merge') run.run('merge', { ...inFile, order: 9 });
  else if (how === 'populate') run.taint('populate', span);
  else if (how === 'touch') run.run('touch', span);
  else if (how === 'validate') run.run('validate', { vm, gpa, size: random.pick([PAGE_BYTES, 2 ** 21]) });
  else if (how === 'set') run.run('set', { key: 'hugepages', value: random.pick(['off', '2M']) });
  else if (how === 'poison') run.run('poison', { gmem, offset: inFile.offset });
  else if (how === 'pin') {
    run.run('pin', { ...inFile, kind: 'gup' });
    if (random.chance(0.7)) run.run('unpin', { ...inFile, kind: 'gup' });
  } else if (how === 'recreate') {
    run.run('close', { gmem });
    unbind(run, guest);
    open(run, guest);
  } else {
    unbind(run, guest);
    // A move makes gfns and, for odd distances, congruence change; private SNP pages then fault until it moves back.
    if (how === 'move') guest.base = guest.gmem * AREA_PAGES + random.pick([0, BLOCK, 3, 2 * BLOCK]);
    bind(run, guest);
  }
}
