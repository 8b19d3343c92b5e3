/**
 * Section 7: accesses by the guest, through a mapping of the file, and by the VMM.
 */
import { HUGE, PAGE } from '../run.js';
import { boot, converted, MEMORY_FAULT, no, ok, punched, type Rule, shared, yes } from './rule.js';

const SHARED_FILE = ['mmap', 'init-shared'];

export const accesses: readonly Rule[] = [
  {
    rule: 'touch: size <= 0 EINVAL; success carries no values',
    steps: [
      ...boot(2 * HUGE),
      [{ op: 'touch', gpa: 0, size: 0 }, no('EINVAL')],
      [{ op: 'touch', gpa: 0, size: -1 }, no('EINVAL')],
      [{ op: 'touch', gpa: HUGE - 1, size: 2 }, ok],
    ],
    counters: { faults_2m: 2, exits: 0 },
  },
  {
    rule: 'touch: any kind, page by page, up to the first page that is MMIO or fails',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'private' }, ok],
      [{ op: 'touch', gpa: 0, size: 4 * PAGE }, yes({ mmio: true, done: 2 })],
      [{ op: 'touch', gpa: -PAGE, size: 4 * PAGE }, yes({ mmio: true, done: 0 })],
      [{ op: 'attributes', gpa: 3 * PAGE, size: PAGE, to: 'private' }, ok],
      [
        { op: 'touch', gpa: 3 * PAGE },
        { ...MEMORY_FAULT, done: 0 },
      ],
    ],
    counters: { faults_4k: 2, exits: 3 },
  },
  {
    rule: 'guest accesses: bytes through stage-2, `byte` or `mixed`',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'guest-write', gpa: PAGE - 2, size: 4, byte: 171 }, ok],
      [{ op: 'guest-read', gpa: PAGE - 2, size: 4 }, yes({ byte: 171 })],
      [{ op: 'guest-read', gpa: PAGE - 3, size: 2 }, yes({ mixed: true })],
      [{ op: 'guest-read', gpa: PAGE + 2, size: PAGE - 2 }, yes({ byte: 0 })],
      [{ op: 'guest-write', gpa: 0, size: 0, byte: 1 }, no('EINVAL')],
      [{ op: 'guest-read', gpa: 0, size: -1 }, no('EINVAL')],
      [{ op: 'guest-write', gpa: 2 * PAGE - 8, size: 16, byte: 1 }, yes({ mmio: true, done: 8 })],
      [{ op: 'guest-read', gpa: 2 * PAGE - 8, size: 16 }, yes({ mmio: true, done: 8 })],
      [{ op: 'guest-read', gpa: 2 * PAGE - 8, size: 8 }, yes({ byte: 1 })],
    ],
    counters: { faults_4k: 2, pages_cleared: 2, exits: 2 },
  },
  {
    rule: 'guest accesses: what was written before the failing page stays',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'attributes', gpa: PAGE, size: HUGE, to: 'private' }, ok],
      [
        { op: 'guest-write', gpa: 0, size: 3 * PAGE, byte: 9 },
        { ...MEMORY_FAULT, done: 2 * PAGE },
      ],
      [{ op: 'guest-read', gpa: 0, size: 2 * PAGE }, yes({ byte: 9 })],
    ],
  },
  {
    rule: 'private contents: zero at first, gone after a punch, apart from the shared copy',
    steps: [
      ...boot(PAGE),
      [{ op: 'guest-write', gpa: 0, size: PAGE, byte: 1 }, ok],
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'private' }, ok],
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 0 })],
      [{ op: 'guest-write', gpa: 0, size: PAGE, byte: 2 }, ok],
      punched(0, 1, 1),
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 0 })],
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'shared' }, ok],
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 1 })],
      [{ op: 'vmm-read', gpa: 0, size: PAGE }, yes({ byte: 1 })],
    ],
  },
  {
    rule: 'host accesses: size, then `mmap`, then page by page: inside the file and shared in the file',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'host-write', offset: 0, size: 0, byte: 1 }, no('EINVAL')],
      [{ op: 'host-write', offset: 0, size: 1, byte: 1 }, no('EFAULT')],
      [{ op: 'create', gmem: 1, size: PAGE, flags: ['mmap'] }, ok],
      [{ op: 'host-read', gmem: 1, offset: 0, size: 1 }, no('EFAULT', { done: 0 })],
      [{ op: 'create', gmem: 2, size: 2 * PAGE, flags: SHARED_FILE }, ok],
      [{ op: 'host-read', gmem: 2, offset: -1, size: 2 }, no('EFAULT', { done: 0 })],
      [{ op: 'host-write', gmem: 2, offset: PAGE, size: 2 * PAGE, byte: 5 }, no('EFAULT', { done: PAGE })],
      [{ op: 'host-read', gmem: 2, offset: PAGE, size: PAGE }, yes({ byte: 5 })],
      [{ op: 'host-read', gmem: 2, offset: PAGE - 1, size: 2 }, yes({ mixed: true })],
      [{ op: 'host-read', gmem: 2, offset: 2 * PAGE, size: 1 }, no('EFAULT', { done: 0 })],
    ],
    counters: { pages_cleared: 2, folios_allocated_4k: 2, exits: 0 },
  },
  {
    rule: 'host accesses look at the file, not at the attributes',
    steps: [
      ...boot(PAGE, SHARED_FILE),
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'private' }, ok],
      [{ op: 'host-write', offset: 0, size: PAGE, byte: 3 }, ok],
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: 3 })],
      [{ op: 'vmm-read', gpa: 0, size: 1 }, no('EFAULT', { done: 0 })],
    ],
    counters: { pages_cleared: 1 },
  },
  {
    rule: 'host accesses of a 2M folio clear and mark page by page',
    policy: { hugepages: '2M' },
    steps: [
      ...boot(HUGE, SHARED_FILE),
      [{ op: 'host-read', offset: 0, size: PAGE + 1 }, yes({ byte: 0 })],
      shared(2, 2, 9),
    ],
    counters: { pages_cleared: 512, folios_allocated_2m: 1 },
  },
  {
    rule: 'host accesses: ENOMEM, and poison is EFAULT (the SIGBUS)',
    memory: HUGE,
    steps: [
      ...boot(2 * HUGE, SHARED_FILE),
      [{ op: 'host-write', offset: 0, size: 2 * HUGE, byte: 1 }, no('ENOMEM', { done: HUGE })],
      [{ op: 'poison', offset: PAGE }, ok],
      [{ op: 'host-read', offset: 0, size: HUGE }, no('EFAULT', { done: PAGE })],
      [{ op: 'vmm-read', gpa: PAGE, size: 1 }, no('EFAULT', { done: 0 })],
    ],
  },
  {
    rule: 'vmm accesses: the copy of a shared page; private or unbound EFAULT',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'private' }, ok],
      [{ op: 'vmm-write', gpa: 0, size: 0, byte: 1 }, no('EINVAL')],
      [{ op: 'vmm-write', gpa: PAGE - 4, size: 8, byte: 7 }, no('EFAULT', { done: 4 })],
      [{ op: 'vmm-read', gpa: 2 * PAGE, size: 1 }, no('EFAULT', { done: 0 })],
      [{ op: 'vmm-read', gpa: -1, size: 1 }, no('EFAULT', { done: 0 })],
      [{ op: 'guest-read', gpa: PAGE - 4, size: 4 }, yes({ byte: 7 })],
    ],
    counters: { pages_cleared: 1, faults_4k: 1, exits: 0 },
  },
  {
    rule: 'vmm accesses of `mmap` files are host accesses: init-shared or EFAULT',
    steps: [
      ...boot(PAGE, ['mmap']),
      [{ op: 'vmm-read', gpa: 0, size: 1 }, no('EFAULT', { done: 0 })],
      [{ op: 'guest-write', gpa: 0, size: 1, byte: 4 }, ok],
      [{ op: 'create', gmem: 1, size: PAGE, flags: SHARED_FILE }, ok],
      [{ op: 'bind', slot: 1, gpa: PAGE, size: PAGE, gmem: 1 }, ok],
      [{ op: 'vmm-write', gpa: PAGE, size: PAGE, byte: 6 }, ok],
      [{ op: 'host-read', gmem: 1, offset: 0, size: PAGE }, yes({ byte: 6 })],
      [{ op: 'guest-read', gpa: PAGE, size: PAGE }, yes({ byte: 6 })],
    ],
    counters: { shared_copy_pages_peak: 0 },
  },
  {
    rule: 'vmm accesses: ENOMEM when no frame is left for a copy',
    memory: HUGE,
    policy: { sharedOrder: '4K' },
    steps: [...boot(2 * HUGE), [{ op: 'vmm-read', gpa: 0, size: 2 * HUGE }, no('ENOMEM', { done: HUGE })]],
  },
  {
    rule: 'contents switched off: everything else happens, then reads answer ENODATA',
    contents: false,
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'guest-write', gpa: 0, size: 2 * PAGE, byte: 1 }, ok],
      [{ op: 'guest-read', gpa: 1, size: PAGE }, no('ENODATA', { done: PAGE })],
      [{ op: 'guest-read', gpa: 1, size: 2 * PAGE }, yes({ mmio: true, done: 2 * PAGE - 1 })],
      [{ op: 'vmm-read', gpa: 0, size: 5 }, no('ENODATA', { done: 5 })],
      [{ op: 'create', gmem: 1, size: PAGE, flags: SHARED_FILE }, ok],
      [{ op: 'host-read', gmem: 1, offset: 0, size: 5 }, no('ENODATA', { done: 5 })],
      [{ op: 'host-read', gmem: 1, offset: 0, size: 0 }, no('EINVAL')],
    ],
    counters: { pages_cleared: 3 },
  },
  {
    rule: 'a frame passes from guest to guest without its bytes',
    policy: { sharedOrder: '4K' },
    memory: HUGE,
    steps: [
      ...boot(HUGE),
      [{ op: 'guest-write', gpa: 0, size: HUGE, byte: 0x77 }, ok],
      converted(0, 512, 'private'),
      [{ op: 'create', gmem: 1, vm: 1, size: HUGE }, ok],
      [{ op: 'bind', vm: 1, slot: 0, size: HUGE, gmem: 1 }, ok],
      [{ op: 'guest-read', vm: 1, gpa: 0, size: HUGE }, yes({ byte: 0 })],
    ],
  },
];
