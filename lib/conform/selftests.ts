/**
 * What the kernel's own selftests ask of guest_memfd, as op streams: guest_memfd_test (creation, allocation, holes, mappings),
 * set_memory_region_test (binds) and the last steps of private_mem_conversions_test (a file outlives its VM). Only what a
 * kernel without private memory can be asked.
 */
import { OpBuilder, type OpInput } from '../ops/builder.js';
import type { OpRecords } from '../ops/records.js';
import { PAGE_BYTES } from '../spec/units.js';

const PAGE = PAGE_BYTES;
const FILE = 4 * PAGE;
const GPA = 2 ** 32;

function* creation(): Generator<OpInput> {
  let gmem = 0;
  for (let bit = 0; bit < 53; bit += 1) yield { op: 'create', gmem: gmem++, size: PAGE, flags: 2 ** bit };
  for (const flags of [0, 1, 2, 3]) {
    for (const size of [1, 2, 511, 512, 2048, PAGE - 1]) yield { op: 'create', gmem: gmem++, size, flags };
    yield { op: 'create', gmem: gmem++, size: 0, flags };
    yield { op: 'create', gmem: gmem++, size: -PAGE, flags };
    yield { op: 'create', gmem: gmem++, size: PAGE, flags };
    yield { op: 'create', gmem: gmem++, size: 2 * PAGE, flags };
  }
  for (const size of [2 ** 44, 2 ** 52, 2 ** 53 - PAGE]) yield { op: 'create', gmem: gmem++, size, flags: [] };
  // Two things wrong at once, and an id that is taken.
  yield { op: 'create', gmem: gmem++, size: 1, flags: 4 };
  yield { op: 'create', gmem: 0, size: 0, flags: 4 };
}

function* allocation(flags: number): Generator<OpInput> {
  const gmem = 0;
  yield { op: 'create', gmem, size: FILE, flags };
  yield { op: 'fallocate', gmem, offset: 0, size: FILE };
  yield { op: 'punch', gmem, offset: PAGE - 1, size: PAGE };
  yield { op: 'fallocate', gmem, offset: FILE, size: PAGE };
  yield { op: 'fallocate', gmem, offset: FILE + PAGE, size: PAGE };
  yield { op: 'fallocate', gmem, offset: FILE - PAGE, size: 2 * PAGE };
  yield { op: 'punch', gmem, offset: FILE, size: PAGE };
  yield { op: 'punch', gmem, offset: FILE + PAGE, size: PAGE };
  yield { op: 'punch', gmem, offset: FILE - PAGE, size: 2 * PAGE };
  yield { op: 'punch', gmem, offset: PAGE, size: PAGE - 1 };
  yield { op: 'punch', gmem, offset: PAGE, size: PAGE };
  yield { op: 'fallocate', gmem, offset: PAGE, size: PAGE };
  for (const name of ['punch', 'fallocate'] as const) {
    for (const offset of [0, 1, PAGE, -1, -PAGE, 2 ** 53 - PAGE]) {
      for (const size of [0, 1, PAGE - 1, PAGE + 1, -PAGE, 2 ** 53 - PAGE]) yield { op: name, gmem, offset, size };
    }
    for (const size of [PAGE - 1, PAGE, PAGE + 1]) yield { op: name, gmem, offset: 1, size };
  }
  yield { op: 'close', gmem };
  yield { op: 'fallocate', gmem, offset: 0, size: PAGE };
  yield { op: 'close', gmem };
}

function* mappings(flags: number): Generator<OpInput> {
  const gmem = 0;
  yield { op: 'create', gmem, size: FILE, flags };
  yield { op: 'host-write', gmem, offset: 0, size: FILE, byte: 0xaa };
  yield { op: 'host-read', gmem, offset: 0, size: FILE };
  yield { op: 'punch', gmem, offset: 0, size: PAGE };
  yield { op: 'host-read', gmem, offset: 0, size: PAGE };
  yield { op: 'host-read', gmem, offset: PAGE, size: FILE - PAGE };
  yield { op: 'host-read', gmem, offset: PAGE - 1, size: 2 };
  yield { op: 'host-write', gmem, offset: 0, size: PAGE, byte: 0xbb };
  yield { op: 'host-read', gmem, offset: 0, size: PAGE };
  yield { op: 'host-write', gmem, offset: 0, size: 4 * FILE, byte: 0xcc };
  yield { op: 'host-read', gmem, offset: FILE, size: 1 };
  yield { op: 'host-read', gmem, offset: FILE - 1, size: 2 };
  yield { op: 'host-read', gmem, offset: 0, size: FILE };
  yield { op: 'host-read', gmem, offset: -1, size: 1 };
  yield { op: 'host-read', gmem, offset: 0, size: 0 };
  yield { op: 'bind', slot: 1, gpa: GPA, size: PAGE, gmem };
  yield { op: 'guest-read', gpa: GPA, size: PAGE };
  yield { op: 'guest-write', gpa: GPA, size: PAGE, byte: 0xff };
  yield { op: 'guest-read', gpa: GPA, size: PAGE };
  yield { op: 'vmm-read', gpa: GPA, size: PAGE };
  yield { op: 'host-read', gmem, offset: 0, size: PAGE };
  yield { op: 'punch', gmem, offset: 0, size: PAGE };
  yield { op: 'guest-read', gpa: GPA, size: PAGE };
  yield { op: 'guest-read', gpa: GPA, size: PAGE + 1 };
  yield { op: 'fault', gpa: GPA + 2 * PAGE, access: 'shared', write: true };
  yield { op: 'close', gmem };
  yield { op: 'guest-read', gpa: GPA, size: PAGE };
  yield { op: 'touch', gpa: GPA, write: true };
  yield { op: 'vmm-read', gpa: GPA, size: PAGE };
  yield { op: 'bind', slot: 1, gpa: GPA, size: 0, gmem };
  yield { op: 'guest-read', gpa: GPA, size: PAGE };
}

function* binds(): Generator<OpInput> {
  const half = 2 * PAGE;
  yield { op: 'create', gmem: 0, size: FILE, flags: [] };
  yield { op: 'create', gmem: 1, vm: 1, size: FILE, flags: [] };
  yield { op: 'bind', slot: 10, gpa: GPA, size: FILE, gmem: 1 };
  yield { op: 'bind', slot: 10, gpa: GPA, size: FILE, gmem: 9 };
  for (const offset of [1, 2, 2048, PAGE - 1]) yield { op: 'bind', slot: 10, gpa: GPA, size: FILE, gmem: 0, offset };
  yield { op: 'bind', slot: 10, gpa: GPA, size: FILE, gmem: 0 };
  yield { op: 'bind', slot: 10, gpa: GPA, size: FILE, gmem: 0 };
  yield { op: 'close', gmem: 0 };
  yield { op: 'bind', slot: 10, gpa: GPA, size: 0, gmem: 0 };
  yield { op: 'bind', slot: 10, gpa: GPA, size: 0, gmem: 0 };
  // Two halves of one file, one of them back where the other one is.
  yield { op: 'create', gmem: 0, size: FILE, flags: [] };
  yield { op: 'bind', slot: 10, gpa: GPA, size: half, gmem: 0 };
  yield { op: 'bind', slot: 11, gpa: GPA + half, size: half, gmem: 0, offset: half };
  yield { op: 'bind', slot: 10, size: 0 };
  yield { op: 'bind', slot: 10, gpa: GPA + half - PAGE, size: half, gmem: 0 };
  yield { op: 'bind', slot: 10, gpa: GPA + half + PAGE, size: half, gmem: 0 };
  yield { op: 'bind', slot: 10, gpa: GPA + half + PAGE, size: half, gmem: 9 };
  yield { op: 'bind', slot: 10, gpa: GPA + 8 * half, size: half, gmem: 0, offset: PAGE };
  // Bounds, and what is looked at first.
  for (const slot of [32763, 32764, 65535, 65536, 65537, 2 ** 32 - 1]) {
    yield { op: 'bind', slot, gpa: GPA + 2 ** 30, size: PAGE, gmem: 0 };
    yield { op: 'bind', slot, gpa: 1, size: 0 };
    yield { op: 'bind', slot, size: 0 };
  }
  for (const gpa of [-PAGE, -2 * PAGE, 1, 2 ** 52 - PAGE, 2 ** 52, 2 ** 53 - PAGE]) {
    for (const gmem of [0, 1, 9]) yield { op: 'bind', slot: 12, gpa, size: PAGE, gmem };
    yield { op: 'bind', slot: 12, gpa, size: 0, gmem: 0 };
  }
  for (const offset of [-PAGE, -2 * PAGE, 1, FILE, FILE - PAGE, 2 ** 53 - PAGE]) {
    for (const gpa of [GPA + half, GPA + 4 * half]) {
      for (const gmem of [0, 1, 9]) yield { op: 'bind', slot: 12, gpa, size: half, gmem, offset };
    }
    yield { op: 'bind', slot: 11, gpa: GPA, size: PAGE, gmem: 0, offset };
  }
  for (const size of [-PAGE, 1, PAGE - 1, PAGE + 1, FILE + PAGE, 2 ** 43 - PAGE, 2 ** 43, 2 ** 53 - PAGE]) {
    for (const gmem of [0, 9]) yield { op: 'bind', slot: 12, gpa: GPA + 4 * half, size, gmem };
  }
  for (const gpa of [-PAGE, 2 ** 52, 1]) yield { op: 'bind', slot: 11, gpa, size: 0 };
}

function* afterTheVm(): Generator<OpInput> {
  yield { op: 'create', gmem: 0, size: FILE, flags: ['mmap', 'init-shared'] };
  yield { op: 'bind', slot: 0, gpa: GPA, size: FILE, gmem: 0 };
  yield { op: 'guest-write', gpa: GPA, size: FILE, byte: 0x11 };
  yield { op: 'destroy' };
  yield { op: 'destroy' };
  yield { op: 'host-read', gmem: 0, offset: 0, size: FILE };
  yield { op: 'punch', gmem: 0, offset: 0, size: FILE };
  yield { op: 'fallocate', gmem: 0, offset: 0, size: FILE };
  yield { op: 'host-read', gmem: 0, offset: 0, size: FILE };
  yield { op: 'guest-read', gpa: GPA, size: PAGE };
  yield { op: 'bind', slot: 0, gpa: GPA, size: FILE, gmem: 0 };
  yield { op: 'bind', vm: 1, slot: 0, gpa: GPA, size: FILE, gmem: 0 };
  yield { op: 'create', gmem: 1, size: FILE };
  yield { op: 'close', gmem: 0 };
}

/** The tables, by name. */
export const SELFTESTS: Readonly<Record<string, () => Iterable<OpInput>>> = {
  'guest-memfd-create': creation,
  'guest-memfd-allocate': () => allocation(0),
  'guest-memfd-allocate-mmap': () => allocation(3),
  'guest-memfd-no-mmap': () => mappings(0),
  'guest-memfd-mmap': () => mappings(1),
  'guest-memfd-mmap-shared': () => mappings(3),
  'set-memory-region': binds,
  'after-the-vm': afterTheVm,
};

/** A table as records. */
export function selftest(name: string): OpRecords {
  const builder = new OpBuilder();
  for (const op of SELFTESTS[name]?.() ?? []) builder.push(op);
  return builder.stream.records;
}
