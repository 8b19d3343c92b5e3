/**
 * Section 5: attributes and kinds.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, MEMORY_FAULT, no, ok, privately, type Rule, shared } from './rule.js';

export const attributes: readonly Rule[] = [
  {
    rule: 'attributes: EBADF, then size, gpa and alignment EINVAL; unbound ranges are legal',
    steps: [
      [{ op: 'destroy', vm: 1 }, ok],
      [{ op: 'attributes', vm: 1, gpa: 1, size: 1, to: 'private' }, no('EBADF')],
      [{ op: 'attributes', gpa: 0, size: 0, to: 'private' }, no('EINVAL')],
      [{ op: 'attributes', gpa: 0, size: -PAGE, to: 'private' }, no('EINVAL')],
      [{ op: 'attributes', gpa: -PAGE, size: PAGE, to: 'private' }, no('EINVAL')],
      [{ op: 'attributes', gpa: 1, size: PAGE, to: 'private' }, no('EINVAL')],
      [{ op: 'attributes', gpa: 0, size: PAGE - 1, to: 'private' }, no('EINVAL')],
      [{ op: 'attributes', gpa: 0, size: 2 ** 52, to: 'private' }, ok],
      [{ op: 'attributes', gpa: 2 ** 53 - PAGE, size: 2 ** 53 - PAGE, to: 'private' }, ok],
    ],
  },
  {
    rule: 'initial kind: shared without snp, private with',
    steps: [
      [{ op: 'fault', gpa: 0, access: 'private' }, MEMORY_FAULT],
      [
        { op: 'fault', gpa: 0, access: 'shared' },
        { ok: true, mmio: true },
      ],
      [
        { op: 'fault', gpa: -1, access: 'shared' },
        { ok: true, mmio: true },
      ],
    ],
    counters: { exits: 3 },
  },
  {
    rule: 'initial kind on snp: private',
    arch: 'snp',
    steps: [
      [{ op: 'fault', gpa: 0, access: 'shared' }, MEMORY_FAULT],
      [{ op: 'fault', gpa: 0, access: 'private' }, MEMORY_FAULT],
      [
        { op: 'touch', gpa: -PAGE },
        { ...MEMORY_FAULT, done: 0 },
      ],
    ],
  },
  {
    rule: 'a leaf goes whole, even if the range hits it in part; the file is not touched',
    steps: [
      ...boot(),
      shared(0, 0, 9),
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'private' }, ok],
      shared(0, 0, 9, 0),
      privately(1, 512),
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'shared' }, ok],
      shared(1, 1, 9),
    ],
    counters: { zaps_2m: 1, zaps_4k: 2, faults_2m: 2, faults_4k: 2, host_pages_end: 513 },
    pages: [{ index: 1, pfn: 512, sharedPfn: 1, leaf: 9, kind: 'shared', prepared: true }],
  },
  {
    rule: 'a flip to the kind the range has already zaps nothing; a partial one zaps the whole range',
    steps: [
      ...boot(4 * PAGE),
      shared(0, 0),
      shared(1, 1),
      [{ op: 'attributes', gpa: 0, size: 4 * PAGE, to: 'shared' }, ok],
      [{ op: 'attributes', gpa: 3 * PAGE, size: PAGE, to: 'private' }, ok],
      [{ op: 'attributes', gpa: 0, size: 4 * PAGE, to: 'shared' }, ok],
    ],
    counters: { zaps_4k: 2 },
  },
  {
    rule: 'kinds between flips: each page keeps its own',
    steps: [
      ...boot(8 * PAGE),
      [{ op: 'attributes', gpa: 0, size: 8 * PAGE, to: 'private' }, ok],
      [{ op: 'attributes', gpa: 2 * PAGE, size: 2 * PAGE, to: 'shared' }, ok],
      [{ op: 'attributes', gpa: 3 * PAGE, size: 3 * PAGE, to: 'shared' }, ok],
      [{ op: 'attributes', gpa: 4 * PAGE, size: PAGE, to: 'private' }, ok],
    ],
    pages: [
      { index: 1, kind: 'private' },
      { index: 2, kind: 'shared' },
      { index: 3, kind: 'shared' },
      { index: 4, kind: 'private' },
      { index: 5, kind: 'shared' },
      { index: 6, kind: 'private' },
    ],
  },
  {
    rule: 'page view: an unbound index has the initial kind, whatever the attributes of its number',
    steps: [
      [{ op: 'create', size: HUGE }, ok],
      [{ op: 'attributes', gpa: 0, size: HUGE, to: 'private' }, ok],
    ],
    pages: [
      { index: 0, kind: 'shared', bound: false },
      { index: 5000, kind: 'shared', bound: false, pfn: undefined, order: undefined },
    ],
  },
];
