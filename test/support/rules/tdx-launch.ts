/**
 * docs/semantics-tdx.md, section 22: the launch of a TDX guest.
 */
import { HUGE, PAGE } from '../run.js';
import { inPlace } from './designs.js';
import { boot, MEMORY_FAULT, no, ok, privately, type Rule, yes } from './rule.js';

const POPULATE = { op: 'populate', gpa: 0, size: PAGE } as const;
const VALIDATE = { op: 'validate', gpa: 0, size: PAGE } as const;
const FAULT = { op: 'fault', gpa: 0, access: 'private' } as const;
const TOUCH = { op: 'touch', gpa: 0 } as const;
const ACCESS = { gpa: 0, size: 8 } as const;
const tdx = { arch: 'tdx' } as const;

export const tdxLaunch: readonly Rule[] = [
  {
    ...tdx,
    rule: 'from the first populated page to finalize no vCPU runs: EINVAL, right after EBADF',
    steps: [
      ...boot(4 * PAGE),
      [POPULATE, yes({ done: 1 })],
      [FAULT, no('EINVAL')],
      [{ ...FAULT, map: false }, no('EINVAL')],
      [TOUCH, no('EINVAL')],
      [{ op: 'guest-read', ...ACCESS }, no('EINVAL')],
      [{ op: 'guest-write', ...ACCESS, byte: 1 }, no('EINVAL')],
      [VALIDATE, no('EINVAL')],
      [{ ...VALIDATE, gpa: PAGE, size: HUGE }, no('EINVAL')],
      [
        { ...TOUCH, vm: 1 },
        { ...MEMORY_FAULT, done: 0 },
      ],
      [{ op: 'finalize' }, ok],
      [TOUCH, ok],
      [{ op: 'finalize' }, no('EINVAL')],
      [{ ...POPULATE, gpa: PAGE }, no('EINVAL')],
    ],
    counters: { sept_add: 1, sept_aug: 0, faults_4k: 1, exits: 1 },
  },
  {
    ...tdx,
    rule: 'a populate that does no page begins no launch',
    steps: [...boot(PAGE), [{ ...POPULATE, source: 'absent' }, no('EFAULT')], [TOUCH, ok], [POPULATE, no('EINVAL')]],
    counters: { sept_add: 0, sept_aug: 1 },
  },
  {
    ...tdx,
    rule: 'a VM that runs before its launch begins is finalized by that, whatever the op answers',
    steps: [
      ...boot(PAGE),
      [{ ...TOUCH, size: 0 }, no('EINVAL')],
      [{ op: 'finalize' }, no('EINVAL')],
      [POPULATE, no('EINVAL')],
      [{ ...VALIDATE, vm: 1, size: 5 }, no('EINVAL')],
      [{ op: 'finalize', vm: 1 }, no('EINVAL')],
      [{ op: 'guest-read', vm: 2, ...ACCESS }, no('EFAULT', { exit: 'memory-fault', done: 0 })],
      [{ op: 'finalize', vm: 2 }, no('EINVAL')],
    ],
  },
  {
    ...tdx,
    rule: 'what the VMM does runs no vCPU: the launch goes on, and a VM is not finalized by it',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'shared' }, ok],
      [{ op: 'vmm-write', gpa: PAGE, size: 8, byte: 3 }, ok],
      [POPULATE, yes({ done: 1 })],
      [{ op: 'vmm-read', gpa: PAGE, size: 8 }, yes({ byte: 3 })],
      [{ op: 'convert', gpa: PAGE, size: PAGE, to: 'private' }, yes({ changed: 1, split: 0, merged: 0 })],
      [{ ...POPULATE, gpa: PAGE }, yes({ done: 1 })],
      [{ op: 'finalize' }, ok],
    ],
    counters: { sept_add: 2 },
  },
  {
    ...tdx,
    rule: 'create by discard takes neither mmap nor init-shared',
    steps: [
      [{ op: 'create', size: PAGE, flags: ['mmap'] }, no('EINVAL')],
      [{ op: 'create', size: PAGE, flags: ['mmap', 'init-shared'] }, no('EINVAL')],
      [{ op: 'create', size: PAGE }, ok],
    ],
  },
  {
    ...tdx,
    rule: 'create in place takes both',
    policy: inPlace,
    steps: [[{ op: 'create', size: PAGE, flags: ['mmap', 'init-shared'] }, ok]],
    pages: [{ index: 0, kind: 'shared' }],
  },
  {
    ...tdx,
    rule: 'populate adds page by page, whatever the folio: a 4K leaf each, accepted; no clear, no hook',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(HUGE),
      [{ ...POPULATE, size: HUGE, fill: 0x5a }, yes({ done: 512 })],
      [{ op: 'finalize' }, ok],
      [VALIDATE, yes({ code: 255 })],
      [{ ...VALIDATE, size: HUGE }, yes({ code: 6 })],
      [{ op: 'guest-read', gpa: 0, size: HUGE }, yes({ byte: 0x5a })],
    ],
    counters: { sept_add: 512, sept_aug: 0, faults_4k: 512, folios_allocated_2m: 1, pages_cleared: 0, prepares: 0 },
    pages: [{ index: 511, leaf: 0, order: 9, prepared: true }],
  },
  {
    ...tdx,
    rule: 'populate looks at marks page by page, so a block that is populated in part is short, not refused',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(HUGE),
      [{ ...POPULATE, gpa: 5 * PAGE }, yes({ done: 1 })],
      [{ ...POPULATE, size: HUGE }, yes({ done: 5 })],
      [{ ...POPULATE, gpa: 5 * PAGE }, no('EEXIST')],
    ],
    counters: { sept_add: 6 },
  },
  {
    ...tdx,
    rule: 'populate with preparedness none: a private leaf is EEXIST, a page without one is added again',
    policy: { preparedness: 'none' },
    steps: [
      ...boot(PAGE),
      [POPULATE, yes({ done: 1 })],
      [POPULATE, no('EEXIST')],
      [{ ...POPULATE, source: 'absent' }, no('EEXIST')],
      [{ op: 'bind', slot: 0, size: 0 }, ok],
      [{ op: 'bind', slot: 0, size: PAGE }, ok],
      [{ ...POPULATE, fill: 9 }, yes({ done: 1 })],
      [{ op: 'finalize' }, ok],
      [{ op: 'guest-read', ...ACCESS }, yes({ byte: 9 })],
    ],
    counters: { sept_add: 2, sept_remove: 1, zaps_4k: 1, faults_4k: 2 },
  },
  {
    ...tdx,
    rule: 'in place, preserve to private is for a VM that is not finalized; once it ran it is not',
    policy: inPlace,
    steps: [
      ...boot(2 * PAGE, ['mmap', 'init-shared']),
      [{ op: 'host-write', offset: 0, size: 2 * PAGE, byte: 0x11 }, ok],
      [
        { op: 'convert', gpa: 0, size: PAGE, to: 'private', content: 'preserve' },
        yes({ changed: 1, split: 0, merged: 0 }),
      ],
      privately(0, 0, 0),
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 0x11 })],
      [{ op: 'convert', gpa: PAGE, size: PAGE, to: 'private', content: 'preserve' }, no('EOPNOTSUPP')],
      [{ op: 'convert', gpa: 0, size: PAGE, to: 'shared', content: 'preserve' }, no('EOPNOTSUPP')],
    ],
  },
];
