/**
 * Section 10: populate, finalize, validate.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, MEMORY_FAULT, no, ok, privately, punched, type Rule, yes } from './rule.js';

const POPULATE = { op: 'populate', gpa: 0, size: PAGE } as const;
const VALIDATE = { op: 'validate', gpa: 0, size: PAGE } as const;
const PRIVATE = { op: 'attributes', gpa: 0, size: 4 * HUGE, to: 'private' } as const;

export const launch: readonly Rule[] = [
  {
    rule: 'populate: EBADF, EINVAL for range and finalized VM, slot EINVAL, closed file EFAULT',
    steps: [
      ...boot(PAGE),
      [PRIVATE, ok],
      [{ ...POPULATE, size: 0 }, no('EINVAL')],
      [{ ...POPULATE, size: -PAGE }, no('EINVAL')],
      [{ ...POPULATE, size: 1 }, no('EINVAL')],
      [{ ...POPULATE, gpa: -PAGE }, no('EINVAL')],
      [{ ...POPULATE, gpa: 1 }, no('EINVAL')],
      [{ ...POPULATE, gpa: PAGE }, no('EINVAL')],
      [{ op: 'close' }, ok],
      [POPULATE, no('EFAULT')],
      [{ op: 'finalize' }, ok],
      [{ op: 'finalize' }, no('EINVAL')],
      [POPULATE, no('EINVAL')],
      [{ op: 'finalize', vm: 1 }, ok],
    ],
    counters: { exits: 0 },
  },
  {
    rule: 'populate: 4K entries, validated and mutable afterwards; marked; no clear, no leaf, no hook',
    arch: 'snp',
    steps: [
      ...boot(2 * PAGE),
      [{ ...POPULATE, size: 2 * PAGE, fill: 0x5a }, yes({ done: 2 })],
      [VALIDATE, yes({ code: 255 })],
      [{ op: 'guest-read', gpa: 0, size: 2 * PAGE }, yes({ byte: 0x5a })],
    ],
    counters: { rmpupdate_4k: 2, pages_cleared: 0, prepares: 0, faults_4k: 2, pvalidate: 1 },
    pages: [{ index: 1, prepared: true, rmp: { asid: 1, gfn: 1, order: 0, validated: true, immutable: false } }],
  },
  {
    rule: 'populate clips to the slot; a page done before: EEXIST; short after some',
    arch: 'snp',
    steps: [
      ...boot(4 * PAGE),
      [{ ...POPULATE, gpa: 2 * PAGE, size: 8 * PAGE }, yes({ done: 2 })],
      [{ ...POPULATE, gpa: 3 * PAGE }, no('EEXIST')],
      [{ ...POPULATE, size: 4 * PAGE }, yes({ done: 2 })],
    ],
    counters: { rmpupdate_4k: 4 },
  },
  {
    rule: 'populate with preparedness none: no marks are looked at, the RMP still is',
    arch: 'snp',
    policy: { preparedness: 'none' },
    steps: [...boot(PAGE), [POPULATE, yes({ done: 1 })], [POPULATE, no('EEXIST')]],
  },
  {
    rule: 'populate with preparedness none and no RMP: again is ok',
    policy: { preparedness: 'none' },
    steps: [
      ...boot(PAGE),
      [PRIVATE, ok],
      [POPULATE, yes({ done: 1 })],
      [{ ...POPULATE, fill: 9 }, yes({ done: 1 })],
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 9 })],
    ],
    counters: { pages_cleared: 0 },
  },
  {
    rule: 'populate: marked before private before source (steps 3, 4, 7)',
    steps: [
      ...boot(3 * PAGE),
      [{ ...POPULATE, source: 'absent' }, no('EINVAL')],
      [{ op: 'attributes', gpa: PAGE, size: 2 * PAGE, to: 'private' }, ok],
      [{ ...POPULATE, gpa: PAGE, source: 'absent' }, no('EFAULT')],
      [{ ...POPULATE, gpa: PAGE }, yes({ done: 1 })],
      [{ ...POPULATE, gpa: PAGE, source: 'absent' }, no('EEXIST')],
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'shared' }, ok],
      [{ ...POPULATE, gpa: PAGE }, no('EEXIST')],
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'private' }, ok],
      [{ op: 'attributes', gpa: 2 * PAGE, size: PAGE, to: 'shared' }, ok],
      [{ op: 'punch', offset: PAGE, size: PAGE }, yes({ freed: 1, zeroed: 0, split: 0 })],
      [{ ...POPULATE, gpa: PAGE, size: 2 * PAGE }, yes({ done: 1 })],
    ],
    counters: { folios_allocated_4k: 4 },
  },
  {
    rule: 'populate under lock mainline: an absent source is ENOMEM before anything is allocated',
    policy: { lock: 'mainline' },
    steps: [...boot(PAGE), [{ ...POPULATE, source: 'absent' }, no('ENOMEM')]],
    counters: { folios_allocated_4k: 0 },
  },
  {
    rule: 'populate: ENOMEM, and poison EHWPOISON',
    memory: HUGE,
    steps: [
      ...boot(2 * HUGE),
      [PRIVATE, ok],
      [{ ...POPULATE, size: 2 * HUGE }, yes({ done: 512 })],
      [{ ...POPULATE, gpa: HUGE }, no('ENOMEM')],
      [{ op: 'poison', offset: 0 }, ok],
      [POPULATE, no('EHWPOISON')],
    ],
  },
  {
    rule: 'populate steps by 2M only over a whole private folio; a marked page anywhere in the step refuses it',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(3 * HUGE),
      [{ ...POPULATE, gpa: PAGE }, yes({ done: 1 })],
      [{ ...POPULATE, size: HUGE }, no('EEXIST')],
      [{ ...POPULATE, size: HUGE - PAGE }, yes({ done: 1 })],
      [{ ...POPULATE, gpa: HUGE, size: 2 * HUGE }, yes({ done: 1024 })],
    ],
    counters: { rmpupdate_4k: 1026, rmpupdate_2m: 0, folios_allocated_2m: 3 },
    pages: [
      { index: 2, prepared: false },
      { index: 1023, prepared: true, order: 9 },
    ],
  },
  {
    rule: 'populate steps by 4K where a page of the folio is shared',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(HUGE),
      [{ op: 'attributes', gpa: 5 * PAGE, size: PAGE, to: 'shared' }, ok],
      [{ ...POPULATE, size: HUGE }, yes({ done: 5 })],
    ],
  },
  {
    rule: 'validate: EBADF, EOPNOTSUPP, EINVAL',
    steps: [[{ ...VALIDATE, size: 5 }, no('EOPNOTSUPP')]],
  },
  {
    rule: 'validate on snp: size, gpa, alignment to the size is code 1 and does nothing',
    arch: 'snp',
    steps: [
      ...boot(2 * HUGE),
      [{ ...VALIDATE, size: 5 }, no('EINVAL')],
      [{ ...VALIDATE, size: 2 * PAGE }, no('EINVAL')],
      [{ ...VALIDATE, gpa: -PAGE }, no('EINVAL')],
      [{ ...VALIDATE, gpa: 1 }, no('EINVAL')],
      [{ ...VALIDATE, gpa: PAGE, size: HUGE }, yes({ code: 1 })],
    ],
    counters: { pvalidate: 0, faults_4k: 0 },
  },
  {
    rule: 'validate faults the page in: the errors of a private fault are the answer',
    arch: 'snp',
    steps: [
      ...boot(2 * PAGE),
      [VALIDATE, yes({ code: 0 })],
      [VALIDATE, yes({ code: 255 })],
      [{ ...VALIDATE, gpa: HUGE }, MEMORY_FAULT],
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'shared' }, ok],
      [{ ...VALIDATE, gpa: PAGE }, MEMORY_FAULT],
      [{ op: 'touch', gpa: PAGE }, ok],
      [{ ...VALIDATE, gpa: PAGE }, MEMORY_FAULT],
    ],
    counters: { pvalidate: 2, prepares: 1, exits: 3 },
    pages: [{ index: 0, rmp: { asid: 1, gfn: 0, order: 0, validated: true, immutable: false } }],
  },
  {
    rule: 'validate 2M: on a 2M entry ok, again 255; on a 4K entry code 6',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(2 * HUGE),
      [{ ...VALIDATE, size: HUGE }, yes({ code: 0 })],
      [{ ...VALIDATE, size: HUGE }, yes({ code: 255 })],
      [{ op: 'set', key: 'hugepages', value: 'off' }, ok],
      [{ ...VALIDATE, gpa: HUGE, size: HUGE }, yes({ code: 6 })],
    ],
    counters: { pvalidate: 3, psmash: 0, faults_2m: 1, faults_4k: 1 },
  },
  {
    rule: 'validate 4K on a 2M entry: psmash, zap, fault again at 4K; the validated flag is handed on',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(HUGE),
      privately(0, 0, 9),
      [{ ...VALIDATE, gpa: 7 * PAGE }, yes({ code: 0 })],
      [VALIDATE, yes({ code: 0 })],
      [{ ...VALIDATE, gpa: 7 * PAGE }, yes({ code: 255 })],
    ],
    counters: { psmash: 1, zaps_2m: 1, faults_2m: 1, faults_4k: 2, pvalidate: 3, prepares: 1 },
    pages: [
      { index: 8, rmp: { asid: 1, gfn: 8, order: 0, validated: false, immutable: false }, leaf: undefined },
      { index: 7, rmp: { asid: 1, gfn: 7, order: 0, validated: true, immutable: false }, leaf: 0 },
    ],
  },
  {
    rule: 'validate 4K on a validated 2M entry: 255, and every entry stays validated',
    arch: 'snp',
    policy: { hugepages: '2M', preparedness: 'none' },
    steps: [
      ...boot(HUGE),
      [{ ...VALIDATE, size: HUGE }, yes({ code: 0 })],
      [{ ...VALIDATE, gpa: 7 * PAGE }, yes({ code: 255 })],
    ],
    counters: { psmash: 1, pvalidate: 2, prepares: 2 },
    pages: [{ index: 500, rmp: { asid: 1, gfn: 500, order: 0, validated: true, immutable: false } }],
  },
  {
    rule: 'a page that comes back after a punch has to be validated again',
    arch: 'snp',
    steps: [...boot(PAGE), [VALIDATE, yes({ code: 0 })], punched(0, 1, 1), [VALIDATE, yes({ code: 0 })]],
    counters: { prepares: 2 },
  },
];
