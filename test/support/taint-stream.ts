/**
 * A random life of a few guests that write, give back and take again, for the taint tests. Chosen from what the model knows,
 * without references on gmem pages: those may keep a punched folio alive, which is not a matter of contents.
 */
import { CREATE_FLAG } from '../../lib/spec/ops.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import type { Engine } from './differential.js';
import type { Keys } from './ops.js';
import type { TestPolicy } from './policies.js';
import { Random } from './prng.js';
import { BLOCK, type Setting, settingOf } from './setting.js';
import { TaintedRun } from './taint.js';
import { QUARTER_BYTES } from './taint-model.js';

const BLOCKS_OF_AREA = 8;
const FILE_PAGES = [2 * BLOCK, BLOCK + 7, BLOCK - 1, 300];
const MEMORY_BLOCKS = [2, 3, 5, 8];
/** With a pool, which keeps one sixteenth back and rounds down: room for all guests, mostly. */
const POOL_UNITS = [3, 4, 4, 5, 9];
const GIANT_UNITS = [3, 3, 4];
/** Pages that one op walks or writes at most. */
const LONGEST_PAGES = 2 * BLOCK;

interface Guest {
  readonly vm: number;
  readonly gmem: number;
  readonly pages: number;
  readonly mmap: boolean;
  /** gfn of the slot's first page. */
  base: number;
  bound: boolean;
  /** Create flags. */
  readonly flags: number;
  readonly setting: Setting;
  /** In place: ranges of the file that turned shared. */
  shared: { page: number; pages: number }[];
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
  const pool = policy.knobs.source === 'pool';
  const unitBlocks = settingOf(policy, 0).unit / BLOCK;
  const blocks = pool
    ? random.pick(unitBlocks > 1 ? GIANT_UNITS : POOL_UNITS) * unitBlocks
    : random.pick(MEMORY_BLOCKS);
  const setting = settingOf(policy, blocks);
  const run = new TaintedRun(engine, policy, blocks * BLOCK * PAGE_BYTES);
  const takesFlags = setting.inPlace || policy.arch === 'none';
  const guests = (setting.giant ? [0, 1] : [0, 1, 2]).map((gmem) => {
    const mmap = takesFlags && random.chance(setting.inPlace ? 0.6 : 0.35);
    const initShared = setting.inPlace ? random.chance(0.3) : mmap;
    const guest: Guest = {
      vm: gmem % 2,
      gmem,
      pages: pool ? setting.unit : random.pick(FILE_PAGES),
      mmap,
      flags: (mmap ? CREATE_FLAG.mmap : 0) | (initShared ? CREATE_FLAG['init-shared'] : 0),
      base: gmem * areaPages(setting),
      bound: false,
      setting,
      shared: [],
    };
    open(run, guest);
    return guest;
  });
  if (policy.arch === 'tdx') launchAll(random, run, guests);
  for (let i = 0; i < ops; i += 1) step(random, run, random.pick(guests));
  run.end();
  sums.checked += run.checked;
  sums.tainted += run.tainted;
}

/** A little is populated; nothing of a TDX guest runs before its launch is over. */
function launchAll(random: Random, run: TaintedRun, guests: readonly Guest[]): void {
  for (const guest of guests) {
    const { page, pages } = range(random, guest);
    const { vm, base } = guest;
    run.taint('populate', { vm, gpa: (base + page) * PAGE_BYTES, size: pages * PAGE_BYTES });
  }
  for (const vm of new Set(guests.map((guest) => guest.vm))) run.run('finalize', { vm });
}

function areaPages({ unit }: Setting): number {
  return BLOCKS_OF_AREA * (unit > BLOCK ? unit / 2 : BLOCK);
}

/** In place the file is private after that: what is shared later has turned in one of the ranges the guest remembers. */
function open(run: TaintedRun, guest: Guest): void {
  const { vm, gmem, pages, flags, base } = guest;
  run.run('create', { vm, gmem, size: pages * PAGE_BYTES, flags });
  bind(run, guest);
  if (!guest.setting.inPlace) return;
  guest.shared = [];
  const whole = { vm, gpa: base * PAGE_BYTES, size: pages * PAGE_BYTES };
  run.run('convert', { ...whole, to: 'private' });
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
  const pages = Math.min(guest.pages - page, LONGEST_PAGES, random.pick([1, 1, 2, 9, BLOCK, guest.pages]));
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

/** In place: to private mostly what turned shared, since `natural` takes nothing else. */
function convert(
  random: Random,
  run: TaintedRun,
  guest: Guest,
  range: { page: number; pages: number },
  toPrivate: boolean,
): void {
  const back = toPrivate && guest.shared.length > 0 && random.chance(0.7) ? random.pick(guest.shared) : range;
  const content = random.pick(['unspecified', 'unspecified', 'zero', 'preserve']);
  // A part of a huge folio does not turn shared while a TDX guest has it mapped.
  if (guest.setting.arch === 'tdx' && !toPrivate && guest.bound && random.chance(0.7)) {
    unbind(run, guest);
    bind(run, guest);
  }
  const at = { vm: guest.vm, gpa: (guest.base + back.page) * PAGE_BYTES, size: back.pages * PAGE_BYTES };
  const { ok } = run.run('convert', { ...at, to: toPrivate ? 'private' : 'shared', content });
  if (!ok) return;
  if (toPrivate) guest.shared = guest.shared.filter((other) => other !== back);
  else guest.shared.push(range);
}

function step(random: Random, run: TaintedRun, guest: Guest): void {
  const { vm, gmem } = guest;
  const { page, pages } = range(random, guest);
  const gpa = (guest.base + page) * PAGE_BYTES;
  const span = { vm, gpa, size: pages * PAGE_BYTES };
  const inFile = { gmem, offset: page * PAGE_BYTES, size: pages * PAGE_BYTES };
  const to = random.pick(['private', 'shared']);
  const { inPlace } = guest.setting;
  const anywhere = bytes(random, guest);
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
    // A pin that refuses a split keeps what a punch would free.
    pin: guest.mmap && (!inPlace || run.splitsPunched) ? 0 : 1.5,
    poison: 0.15,
  });
  // In place the host sees only what turned shared.
  const host = /^(vmm|host)/.test(how) && guest.shared.length > 0 && random.chance(0.7);
  const { at, size } = host ? { at: random.pick(guest.shared).page * PAGE_BYTES, size: PAGE_BYTES } : anywhere;
  const access: Keys = { vm, gpa: guest.base * PAGE_BYTES + at, size };
  if (how === 'guestWrite') run.taint('guest-write', access);
  else if (how === 'writeAll') {
    const most = Math.min(guest.pages, LONGEST_PAGES);
    run.taint('guest-write', { vm, gpa: guest.base * PAGE_BYTES, size: most * PAGE_BYTES });
  } else if (how === 'vmmWrite') run.taint('vmm-write', access);
  else if (how === 'hostWrite') run.taint('host-write', { gmem, offset: at, size });
  else if (how === 'guestRead') run.run('guest-read', access);
  else if (how === 'vmmRead') run.run('vmm-read', access);
  else if (how === 'hostRead') run.run('host-read', { gmem, offset: at, size });
  else if (how === 'convert' && inPlace) convert(random, run, guest, { page, pages }, to === 'private');
  else if (how === 'convert' || how === 'attributes') run.run(how, { ...span, to });
  else if (how === 'punch' && random.chance(0.3)) run.run(how, { gmem, offset: 0, size: guest.pages * PAGE_BYTES });
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
    if (how === 'move')
      guest.base = guest.gmem * areaPages(guest.setting) + random.pick([0, 0, 0, BLOCK, 3, 2 * BLOCK]);
    bind(run, guest);
  }
}
