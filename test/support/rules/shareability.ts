/**
 * Section 15: kinds in place, and who may touch what.
 */
import { HUGE, PAGE } from '../run.js';
import { allocated, inPlace, naturalGiant, referred, touched, turned } from './designs.js';
import { boot, MEMORY_FAULT, no, ok, type Rule, yes } from './rule.js';

const small = { ...inPlace, hugepages: 'off' } as const;
const HOST_READ = { op: 'host-read', offset: 0, size: 1 } as const;
const VMM_READ = { op: 'vmm-read', gpa: 0, size: 1 } as const;

export const shareability: readonly Rule[] = [
  {
    rule: 'snp starts private, init-shared starts shared on every arch; the file decides, not the VM',
    policy: small,
    arch: 'snp',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'create', gmem: 1, size: 2 * PAGE, flags: ['mmap', 'init-shared'] }, ok],
      [{ op: 'bind', slot: 1, gpa: HUGE, size: 2 * PAGE, gmem: 1 }, ok],
      [{ op: 'fault', gpa: 0, access: 'shared' }, MEMORY_FAULT],
      [{ op: 'fault', gpa: HUGE, access: 'private' }, MEMORY_FAULT],
      [{ op: 'fault', gpa: HUGE, access: 'shared' }, yes({ pfn: 0, order: 0, level: '4K' })],
    ],
    pages: [
      { index: 0, kind: 'private' },
      { gmem: 1, index: 0, kind: 'shared', sharedPfn: undefined },
      { gmem: 1, index: 5, kind: 'shared', pfn: undefined },
    ],
  },
  {
    rule: 'none and pkvm start shared; an unbound gfn has the initial kind of the arch',
    policy: small,
    arch: 'pkvm',
    steps: [
      ...boot(PAGE),
      [{ op: 'fault', gpa: 0, access: 'private' }, MEMORY_FAULT],
      [{ op: 'fault', gpa: HUGE, access: 'private' }, MEMORY_FAULT],
      [{ op: 'fault', gpa: HUGE, access: 'shared' }, yes({ mmio: true })],
    ],
  },
  {
    rule: 'kinds go with the index: unbinding keeps them, another slot shows them',
    policy: small,
    arch: 'snp',
    steps: [
      ...boot(2 * PAGE),
      turned(1, 1, 'shared'),
      [{ op: 'bind', slot: 0, size: 0 }, ok],
      [{ op: 'bind', slot: 0, gpa: HUGE, size: PAGE, offset: PAGE }, ok],
      [{ op: 'fault', gpa: HUGE, access: 'shared' }, yes({ pfn: 0, order: 0, level: '4K' })],
    ],
    pages: [
      { index: 0, kind: 'private', bound: false },
      { index: 1, kind: 'shared', bound: true },
    ],
  },
  {
    rule: 'after close the gfns have the initial kind of the arch',
    policy: small,
    arch: 'snp',
    steps: [
      ...boot(PAGE),
      turned(0, 1, 'shared'),
      [{ op: 'close' }, ok],
      [{ op: 'fault', gpa: 0, access: 'shared' }, MEMORY_FAULT],
      [{ op: 'fault', gpa: 0, access: 'private' }, MEMORY_FAULT],
    ],
  },
  {
    rule: 'a file without mmap: no host, no VMM, no gup; the guest shares it all the same, without a copy',
    policy: small,
    arch: 'snp',
    steps: [
      ...boot(2 * PAGE),
      turned(0, 1, 'shared'),
      [{ op: 'guest-write', gpa: 0, size: 1, byte: 3 }, ok],
      [HOST_READ, no('EFAULT')],
      [VMM_READ, no('EFAULT', { done: 0 })],
      [{ op: 'pin', offset: 0, size: PAGE }, no('EFAULT', { done: 0 })],
    ],
    counters: { shared_copy_pages_peak: 0, host_pages_peak: 1 },
    pages: [{ index: 0, sharedPfn: undefined, pfn: 0 }],
  },
  {
    rule: 'a file with mmap: host and VMM reach what is shared now, and only that',
    policy: small,
    arch: 'snp',
    steps: [
      ...boot(2 * PAGE, ['mmap']),
      [HOST_READ, no('EFAULT', { done: 0 })],
      [VMM_READ, no('EFAULT', { done: 0 })],
      [{ op: 'pin', offset: 0, size: PAGE }, no('EFAULT', { done: 0 })],
      turned(0, 1, 'shared'),
      [{ op: 'host-write', offset: 0, size: 2, byte: 7 }, ok],
      [{ op: 'vmm-read', gpa: 0, size: 2 }, yes({ byte: 7 })],
      [{ op: 'guest-read', gpa: 0, size: 2 }, yes({ byte: 7 })],
      [{ op: 'host-write', offset: 4095, size: 2, byte: 8 }, no('EFAULT', { done: 1 })],
      [{ op: 'pin', offset: 0, size: PAGE }, ok],
    ],
    counters: { pages_cleared: 1 },
  },
  {
    rule: 'attributes: EBADF, EINVAL, then EOPNOTSUPP',
    policy: small,
    steps: [
      [{ op: 'destroy', vm: 1 }, ok],
      [{ op: 'attributes', vm: 1, gpa: 0, size: PAGE, to: 'private' }, no('EBADF')],
      [{ op: 'attributes', gpa: 1, size: PAGE, to: 'private' }, no('EINVAL')],
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'private' }, no('EOPNOTSUPP')],
    ],
  },
  {
    rule: 'refs frozen: no speculative reference on a private page, one on a shared page',
    policy: { ...small, refs: 'frozen' },
    arch: 'snp',
    steps: [
      ...boot(2 * PAGE),
      turned(1, 1, 'shared'),
      allocated(2 * PAGE),
      [{ op: 'pin', offset: 0, size: PAGE, kind: 'speculative' }, no('ENOENT', { done: 0 })],
      referred(1, 1),
    ],
    pages: [{ index: 1, pinned: true }],
  },
  {
    rule: 'pins forbid: EPERM in place too',
    policy: { ...naturalGiant, pins: 'forbid' },
    memory: 2 * 2 ** 30,
    contents: false,
    steps: [
      [{ op: 'create', size: 2 ** 30, flags: ['mmap'] }, ok],
      [{ op: 'pin', offset: 0, size: PAGE }, no('EPERM')],
      [{ op: 'pin', offset: 0, size: PAGE, kind: 'speculative' }, no('ENOENT', { done: 0 })],
    ],
  },
  {
    rule: 'a converted private page has content and no RMP entry: not prepared, and populate may take it',
    policy: { ...small, preparedness: 'bitmap' },
    arch: 'snp',
    steps: [
      ...boot(PAGE),
      turned(0, 1, 'shared'),
      touched(0),
      turned(0, 1, 'private'),
      [{ op: 'populate', gpa: 0, size: PAGE, fill: 4 }, yes({ done: 1 })],
      [{ op: 'populate', gpa: 0, size: PAGE, fill: 5 }, no('EEXIST')],
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 4 })],
    ],
    counters: { pages_cleared: 1, rmpupdate_4k: 1 },
    pages: [{ index: 0, prepared: true }],
  },
  {
    rule: 'the same without populate: the view says not prepared until a fault assigns it, which does not clear it',
    policy: { ...small, preparedness: 'bitmap' },
    arch: 'snp',
    steps: [...boot(PAGE), turned(0, 1, 'shared'), touched(0), turned(0, 1, 'private')],
    counters: { pages_cleared: 1 },
    pages: [{ index: 0, prepared: false, pfn: 0, rmp: undefined }],
  },
  {
    rule: 'validate on pkvm: EOPNOTSUPP',
    policy: small,
    arch: 'pkvm',
    steps: [...boot(PAGE), [{ op: 'validate', gpa: 0, size: PAGE }, no('EOPNOTSUPP')]],
  },
];
