/**
 * The tables of the kernel's selftests that need private memory, so that no real guest_memfd can be asked here:
 * private_mem_conversions_test (by discard) and guest_memfd_conversions_test (in place, the present one and the one of the
 * hugetlb series). What a real one can be asked is in lib/conform/selftests.ts. Left out: fork, which a model without
 * processes cannot show.
 */
import { GiB, HUGE, PAGE } from '../run.js';
import { GIANT, GIANT_MEMORY, giant, inPlace, pool } from './designs.js';
import { no, ok, type Rule, yes } from './rule.js';

type Step = Rule['steps'][number];

const BASE = 4 * GiB;
/** What a vCPU of private_mem_conversions_test works on. */
const DATA = HUGE + PAGE;
const RANGES: readonly (readonly [offset: number, size: number])[] = [
  [0, PAGE],
  [0, HUGE],
  [PAGE, PAGE],
  [PAGE, HUGE],
  [HUGE, PAGE],
];

function booted(size: number, flags: readonly string[] = []): Step[] {
  return [
    [{ op: 'create', size, flags }, ok],
    [{ op: 'bind', slot: 0, gpa: BASE, size }, ok],
  ];
}

const at = (offset: number, size: number) => ({ gpa: BASE + offset, size });
const guestWrites = (offset: number, size: number, byte: number): Step => [
  { op: 'guest-write', ...at(offset, size), byte },
  ok,
];
const guestReads = (offset: number, size: number, byte: number): Step => [
  { op: 'guest-read', ...at(offset, size) },
  yes({ byte }),
];
const vmmWrites = (offset: number, size: number, byte: number): Step => [
  { op: 'vmm-write', ...at(offset, size), byte },
  ok,
];
const vmmReads = (offset: number, size: number, byte: number): Step => [
  { op: 'vmm-read', ...at(offset, size) },
  yes({ byte }),
];

/** The test's own conversion: attributes, and with `fallocate` what it does to the file, which is no matter of the copy. */
function turn(offset: number, size: number, to: 'private' | 'shared', fallocate: boolean): Step[] {
  const attributes: Step = [{ op: 'attributes', ...at(offset, size), to }, ok];
  if (!fallocate) return [attributes];
  if (to === 'private') return [attributes, [{ op: 'fallocate', offset, size }, ok]];
  return [attributes, [{ op: 'punch', offset, size }, yes({ freed: size / PAGE, zeroed: 0, split: 0 })]];
}

function neighbours(offset: number, size: number, byte: number): Step[] {
  const steps: Step[] = [];
  if (offset > 0) steps.push(guestReads(0, offset, byte));
  if (offset + size < DATA) steps.push(guestReads(offset + size, DATA - offset - size, byte));
  return steps;
}

function conversions(offset: number, size: number, fallocate: boolean): Step[] {
  const steps: Step[] = [
    ...booted(DATA),
    guestWrites(0, DATA, 0xaa),
    vmmReads(0, DATA, 0xaa),
    vmmWrites(0, DATA, 0xcc),
    guestReads(0, DATA, 0xcc),
    ...turn(offset, size, 'private', fallocate),
    guestReads(offset, size, 0),
    guestWrites(offset, size, 0x22),
    guestReads(offset, size, 0x22),
    ...neighbours(offset, size, 0xcc),
  ];
  for (let page = 1; page < size / PAGE; page += 2) {
    const odd = offset + page * PAGE;
    // The copy is untouched by all that; what is shared now is what the host left there.
    steps.push(...turn(odd, PAGE, 'shared', fallocate), vmmReads(odd, PAGE, 0xcc), vmmWrites(odd, PAGE, 0x33));
    steps.push(guestReads(odd, PAGE, 0x33), guestReads(odd - PAGE, PAGE, 0x22));
  }
  steps.push([{ op: 'attributes', ...at(offset, size), to: 'shared' }, ok]);
  steps.push(guestWrites(offset, size, 0x44), vmmReads(offset, size, 0x44), vmmWrites(offset, size, 0x55));
  return [...steps, guestReads(offset, size, 0x55), ...neighbours(offset, size, 0xcc)];
}

const byDiscard: Rule[] = RANGES.flatMap(([offset, size]) =>
  [false, true].map((fallocate) => ({
    rule: `private_mem_conversions: offset ${offset / PAGE}, ${size / PAGE} pages, fallocate ${fallocate}`,
    steps: conversions(offset, size, fallocate),
  })),
);

const holes: Rule[] = [
  {
    rule: 'private_mem_conversions: a hole without a conversion reads zero, over the hole only',
    steps: [
      ...booted(DATA),
      ...turn(0, DATA, 'private', false),
      guestWrites(0, DATA, 0x22),
      ...RANGES.flatMap(([offset, size]): Step[] => [
        [{ op: 'punch', offset, size }, yes({ freed: size / PAGE, zeroed: 0, split: 0 })],
        guestReads(offset, size, 0),
        ...neighbours(offset, size, 0x22),
        guestWrites(0, DATA, 0x22),
      ]),
    ],
  },
  {
    rule: 'private_mem_conversions: several slots of one file',
    steps: [
      [{ op: 'create', size: 2 * DATA }, ok],
      [{ op: 'bind', slot: 0, gpa: BASE, size: DATA, offset: 0 }, ok],
      [{ op: 'bind', slot: 1, gpa: BASE + DATA, size: DATA, offset: DATA }, ok],
      ...turn(0, 2 * DATA, 'private', false),
      guestWrites(0, 2 * DATA, 0x22),
      [{ op: 'punch', offset: DATA - PAGE, size: 2 * PAGE }, yes({ freed: 2, zeroed: 0, split: 0 })],
      guestReads(DATA - PAGE, 2 * PAGE, 0),
      guestReads(0, DATA - PAGE, 0x22),
      guestReads(DATA + PAGE, DATA - PAGE, 0x22),
    ],
  },
];

/** A page of 0, and so on, in place; the file's own mapping is what the host has. */
const hostReads = (page: number, pages: number, byte: number): Step => [
  { op: 'host-read', offset: page * PAGE, size: pages * PAGE },
  yes({ byte }),
];
const hostWrites = (page: number, byte: number): Step => [
  { op: 'host-write', offset: page * PAGE, size: PAGE, byte },
  ok,
];
const sigbus = (page: number): Step[] => [
  [{ op: 'host-read', offset: page * PAGE, size: PAGE }, no('EFAULT', { done: 0 })],
  [{ op: 'host-write', offset: page * PAGE, size: PAGE, byte: 9 }, no('EFAULT', { done: 0 })],
];
function preserved(page: number, pages: number, to: 'private' | 'shared', changed = pages): Step {
  const op = { op: 'convert', ...at(page * PAGE, pages * PAGE), to, content: 'preserve' } as const;
  return [op, yes({ changed, split: 0, merged: 0 })];
}

/** test_page of one page that is private, holding `byte`. */
function throughShared(page: number, byte: number): Step[] {
  const gpa = page * PAGE;
  return [
    ...sigbus(page),
    guestReads(gpa, PAGE, byte),
    guestWrites(gpa, PAGE, 0x41),
    preserved(page, 1, 'shared'),
    hostReads(page, 1, 0x41),
    hostWrites(page, 0x42),
    guestReads(gpa, PAGE, 0x42),
    guestWrites(gpa, PAGE, 0x43),
    hostReads(page, 1, 0x43),
    preserved(page, 1, 'private'),
    ...sigbus(page),
    guestReads(gpa, PAGE, 0x43),
    guestWrites(gpa, PAGE, 0x45),
  ];
}

/** In place on an arch that preserves: what the selftests call a software-protected VM. */
const preserving = { policy: { ...inPlace, hugepages: 'off' } } as const;

const conversionsInPlace: readonly Rule[] = [
  {
    ...preserving,
    rule: 'guest_memfd_conversions: init_private',
    steps: [...booted(PAGE, ['mmap']), preserved(0, 1, 'private'), ...throughShared(0, 0)],
  },
  {
    ...preserving,
    rule: 'guest_memfd_conversions: init_shared',
    steps: [
      ...booted(PAGE, ['mmap', 'init-shared']),
      hostReads(0, 1, 0),
      hostWrites(0, 0x41),
      guestReads(0, PAGE, 0x41),
      preserved(0, 1, 'private'),
      ...throughShared(0, 0x41),
    ],
  },
  ...[0, 1, 2, 3].map((page) => ({
    ...preserving,
    rule: `guest_memfd_conversions: indexing, page ${page} of 4`,
    steps: [
      ...booted(4 * PAGE, ['mmap']),
      preserved(0, 4, 'private'),
      ...[0, 1, 2, 3].map((other) => guestWrites(other * PAGE, PAGE, 0x60 + other)),
      ...throughShared(page, 0x60 + page),
      ...[0, 1, 2, 3].filter((other) => other !== page).map((other) => guestReads(other * PAGE, PAGE, 0x60 + other)),
    ],
    pages: [0, 1, 2, 3].map((index) => ({ index, kind: 'private' as const })),
  })),
  {
    ...preserving,
    rule: 'guest_memfd_conversions: before_allocation, the conversion is kept and the page reads zero',
    steps: [
      ...booted(2 * PAGE, ['mmap', 'init-shared']),
      preserved(0, 1, 'private'),
      ...sigbus(0),
      guestReads(0, PAGE, 0),
      preserved(1, 1, 'private'),
      preserved(1, 1, 'shared'),
      hostReads(1, 1, 0),
      guestReads(PAGE, PAGE, 0),
    ],
    pages: [
      { index: 0, kind: 'private' },
      { index: 1, kind: 'shared' },
    ],
  },
  {
    ...preserving,
    rule: 'guest_memfd_conversions: unallocated_folios, what was there stays and the rest is zero',
    steps: [
      ...booted(8 * PAGE, ['mmap', 'init-shared']),
      hostWrites(2, 0x41),
      hostWrites(4, 0x41),
      preserved(0, 8, 'private'),
      ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((page): Step[] => [
        guestReads(page * PAGE, PAGE, page === 2 || page === 4 ? 0x41 : 0),
        preserved(page, 1, 'shared'),
        hostReads(page, 1, page === 2 || page === 4 ? 0x41 : 0),
      ]),
    ],
  },
  {
    ...preserving,
    rule: 'guest_memfd_conversions: truncate, a hole reads zero and its kind stays',
    steps: [
      ...booted(2 * PAGE, ['mmap', 'init-shared']),
      hostWrites(0, 0x41),
      hostWrites(1, 0x41),
      preserved(1, 1, 'private'),
      [{ op: 'punch', offset: 0, size: 2 * PAGE }, yes({ freed: 2, zeroed: 0, split: 0 })],
      hostReads(0, 1, 0),
      ...sigbus(1),
      guestReads(PAGE, PAGE, 0),
    ],
    pages: [
      { index: 0, kind: 'shared' },
      { index: 1, kind: 'private' },
    ],
  },
];

const PINNED = { op: 'pin', offset: 5 * PAGE, size: PAGE } as const;
/** Page sizes of the series; a file is of one page, that of 4K of as many as one of 2M has. */
const HUGETLB: readonly (readonly [size: string, file: number, host: Pick<Rule, 'policy' | 'memory'>])[] = [
  ['4K', HUGE, { policy: { ...inPlace, hugepages: 'off' } }],
  ['2M', HUGE, { policy: pool }],
  ['1G', GIANT, { policy: giant, memory: GIANT_MEMORY }],
];

const hugetlbSeries: readonly Rule[] = HUGETLB.flatMap(([size, file, host]) => [
  {
    rule: `conversions of the hugetlb series, ${size}: a pinned page refuses, at its own offset, until it is let go`,
    ...host,
    steps: [
      ...booted(file, ['mmap', 'init-shared']),
      hostWrites(4, 0x58),
      hostWrites(5, 0x42),
      [PINNED, ok],
      [
        { op: 'convert', ...at(0, file), to: 'private', content: 'preserve' },
        no('EAGAIN', { changed: 0, split: 0, merged: 0, gpa: BASE + 5 * PAGE }),
      ],
      hostReads(4, 1, 0x58),
      hostReads(5, 1, 0x42),
      [{ ...PINNED, op: 'unpin' }, ok],
      preserved(0, file / PAGE, 'private'),
      guestReads(4 * PAGE, PAGE, 0x58),
      guestReads(5 * PAGE, PAGE, 0x42),
    ],
  },
  {
    rule: `conversions of the hugetlb series, ${size}: 16 pages, two faulted`,
    ...host,
    steps: [
      ...booted(file, ['mmap', 'init-shared']),
      hostWrites(0, 0x41),
      hostWrites(9, 0x41),
      preserved(0, 16, 'private'),
      guestReads(0, PAGE, 0x41),
      guestReads(PAGE, 8 * PAGE, 0),
      guestReads(9 * PAGE, PAGE, 0x41),
      guestReads(10 * PAGE, 6 * PAGE, 0),
      preserved(0, 16, 'shared'),
      hostReads(9, 1, 0x41),
      hostReads(10, 6, 0),
    ],
  },
  {
    rule: `conversions of the hugetlb series, ${size}: attributes of the VM have no say`,
    ...host,
    steps: [
      ...booted(file, ['mmap', 'init-shared']),
      [{ op: 'attributes', ...at(0, PAGE), to: 'private' }, no('EOPNOTSUPP')],
      [{ op: 'fault', ...{ gpa: BASE }, access: 'private' }, no('EFAULT', { exit: 'memory-fault' })],
      guestWrites(0, PAGE, 1),
    ],
  },
]);

export const selftests: readonly Rule[] = [...byDiscard, ...holes, ...conversionsInPlace, ...hugetlbSeries];
