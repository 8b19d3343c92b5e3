/**
 * Section 4: bind, in the order of checks of KVM_SET_USER_MEMORY_REGION2.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, MEMORY_FAULT, no, ok, privately, type Rule, shared } from './rule.js';

const BIND = { op: 'bind', slot: 1, gpa: 8 * PAGE, size: PAGE } as const;

export const slots: readonly Rule[] = [
  {
    rule: 'bind: arguments EINVAL before all but EBADF of the vm',
    steps: [
      [{ op: 'destroy', vm: 9 }, ok],
      [{ ...BIND, vm: 9, size: -1 }, no('EBADF')],
      [{ ...BIND, size: -PAGE }, no('EINVAL')],
      [{ ...BIND, size: PAGE + 1 }, no('EINVAL')],
      [{ ...BIND, size: 2 ** 31 * PAGE }, no('EINVAL')],
      [{ ...BIND, gpa: 1 }, no('EINVAL')],
      [{ ...BIND, offset: 1 }, no('EINVAL')],
      [{ ...BIND, slot: 32764 }, no('EINVAL')],
      [{ ...BIND, slot: 65536 }, no('EINVAL')],
      [{ ...BIND, slot: 2 ** 32 - 1 }, no('EINVAL')],
      [{ ...BIND, gpa: -PAGE }, no('EINVAL')],
      [{ ...BIND, offset: -PAGE }, no('EINVAL')],
      [{ ...BIND, size: 2 * PAGE, gpa: -PAGE }, no('EINVAL')],
      [BIND, no('EBADF')],
      [{ ...BIND, gpa: -2 * PAGE }, no('EBADF')],
      [{ ...BIND, offset: -2 * PAGE }, no('EBADF')],
      [{ ...BIND, slot: 32763, size: (2 ** 31 - 1) * PAGE }, no('EBADF')],
    ],
  },
  {
    rule: 'bind: slot exists, gfn overlap, gmem, other VM, beyond the file, index overlap, guest-physical limit',
    steps: [
      ...boot(4 * PAGE),
      [{ op: 'create', gmem: 1, vm: 1, size: PAGE }, ok],
      [{ op: 'create', gmem: 2, size: 4 * PAGE }, ok],
      [{ ...BIND, slot: 0, gpa: 0, gmem: 5 }, no('EINVAL')],
      [{ ...BIND, gpa: 3 * PAGE, gmem: 5 }, no('EEXIST')],
      [{ ...BIND, gmem: 5 }, no('EBADF')],
      [{ ...BIND, gmem: 1, offset: PAGE }, no('EINVAL')],
      [{ ...BIND, gmem: 1 }, no('EINVAL')],
      [{ ...BIND, gmem: 2, offset: 4 * PAGE }, no('EINVAL')],
      [{ ...BIND, gmem: 2, offset: -2 * PAGE }, no('EINVAL')],
      [{ ...BIND, offset: 3 * PAGE }, no('EINVAL')],
      [{ ...BIND, gmem: 2, gpa: 2 ** 52 }, no('EINVAL')],
      [{ ...BIND, gmem: 2, gpa: -2 * PAGE }, no('EINVAL')],
      [{ ...BIND, gmem: 2, gpa: 2 ** 52 - PAGE }, ok],
      [{ ...BIND, gmem: 2, slot: 2, offset: PAGE }, ok],
    ],
    pages: [
      { gmem: 2, index: 0, bound: true },
      { gmem: 2, index: 2, bound: false },
    ],
  },
  {
    rule: 'bind size 0 deletes: no such slot EINVAL, gpa, offset and gmem are not looked at',
    steps: [
      ...boot(PAGE),
      shared(0, 0),
      [{ op: 'bind', slot: 1, size: 0 }, no('EINVAL')],
      [{ op: 'bind', slot: 0, size: 0, gpa: 1 }, no('EINVAL')],
      [{ op: 'bind', slot: 0, size: 0, gpa: -PAGE, offset: -PAGE, gmem: 9 }, ok],
      [{ op: 'bind', slot: 0, size: 0 }, no('EINVAL')],
      [
        { op: 'fault', gpa: 0, access: 'shared' },
        { ok: true, mmio: true },
      ],
    ],
    counters: { zaps_4k: 1, host_pages_end: 1 },
    pages: [{ index: 0, bound: false, sharedPfn: 0, leaf: undefined, kind: 'shared' }],
  },
  {
    rule: 'the slot of a closed file still overlaps, and its indexes belong to that file alone',
    steps: [
      ...boot(PAGE),
      [{ op: 'close' }, ok],
      [{ op: 'create', size: PAGE }, ok],
      [{ op: 'bind', slot: 1, size: PAGE }, no('EEXIST')],
      [{ op: 'bind', slot: 1, gpa: PAGE, size: PAGE }, ok],
    ],
  },
  {
    rule: "attributes are the VM's by gfn and outlive a slot; pages and marks stay with the file",
    steps: [
      ...boot(PAGE),
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'private' }, ok],
      privately(0, 0),
      [{ op: 'bind', slot: 0, size: 0 }, ok],
      [{ op: 'fault', gpa: 0, access: 'private' }, MEMORY_FAULT],
      [{ op: 'bind', slot: 0, size: PAGE }, ok],
      privately(0, 0),
    ],
    counters: { pages_cleared: 1, faults_4k: 2, zaps_4k: 1 },
    pages: [{ index: 0, kind: 'private', prepared: true }],
  },
  {
    rule: 'snp: bound elsewhere, a prepared page is an RMP mismatch and gets no leaf (step 7)',
    arch: 'snp',
    steps: [
      ...boot(PAGE),
      privately(0, 0),
      [{ op: 'bind', slot: 0, size: 0 }, ok],
      [{ op: 'bind', slot: 0, gpa: HUGE, size: PAGE }, ok],
      [{ op: 'fault', gpa: HUGE, access: 'private' }, no('EFAULT', { exit: 'rmp-mismatch' })],
      [{ op: 'touch', gpa: HUGE }, no('EFAULT', { exit: 'rmp-mismatch', done: 0 })],
    ],
    counters: { prepares: 1, rmpupdate_4k: 1, faults_4k: 1, zaps_4k: 1, exits: 2 },
    pages: [{ index: 0, rmp: { asid: 1, gfn: 0, order: 0, validated: false, immutable: false }, leaf: undefined }],
  },
];
