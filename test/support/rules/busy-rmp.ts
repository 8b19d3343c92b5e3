/**
 * Section 26: RMPUPDATE and PSMASH that meet another processor in the RMP.
 */
import { HUGE, PAGE } from '../run.js';
import { allocated, GIANT, GIANT_MEMORY, giant, inPlace, touched, turned } from './designs.js';
import { boot, converted, no, ok, privately, punched, type Rule, yes } from './rule.js';

type Step = Rule['steps'][number];

/** Of the attempts from now on `after` go through, and the next `value` do not. */
function busy(value: number, after?: number): Step {
  return [{ op: 'set', key: 'rmp-busy', value, ...(after === undefined ? {} : { after }) }, ok];
}

const SNP = { arch: 'snp' } as const;
const THP = { hugepages: '2M', prepareErrno: 'EFAULT' } as const;
const FAULT = { op: 'fault', gpa: 0, access: 'private' } as const;
const POPULATE = { op: 'populate', gpa: 0, size: PAGE, fill: 0x5a } as const;
const VALIDATE = { op: 'validate', gpa: 0, size: PAGE } as const;
/** What a conversion that leaves contents open leaves (section 18). */
const UNSPECIFIED = 0xa5;
const NOTHING = { prepared: false, rmp: undefined, leaf: undefined } as const;
const EFAULT = no('EFAULT', { exit: 'memory-fault' });

function entry(gfn: number, order: 0 | 9 = 0, validated = false) {
  return { asid: 1, gfn, order, validated, immutable: false } as const;
}

const switching: readonly Rule[] = [
  {
    rule: 'the switch on none, tdx and pkvm: EOPNOTSUPP; hugepages takes no `after`: EINVAL',
    steps: [
      [{ op: 'set', key: 'rmp-busy', value: 1 }, no('EOPNOTSUPP')],
      [{ op: 'set', key: 'rmp-busy', value: 0, after: 1024 }, no('EOPNOTSUPP')],
      [{ op: 'set', key: 'hugepages', value: 'off', after: 1 }, no('EINVAL')],
      [{ op: 'set', key: 'hugepages', value: 'off', after: 0 }, ok],
    ],
  },
  { rule: 'the switch on tdx', arch: 'tdx', steps: [[{ op: 'set', key: 'rmp-busy', value: 1 }, no('EOPNOTSUPP')]] },
  {
    rule: 'the switch on pkvm',
    arch: 'pkvm',
    policy: inPlace,
    steps: [[{ op: 'set', key: 'rmp-busy', value: 0 }, no('EOPNOTSUPP')]],
  },
  {
    rule: 'a new one replaces the rest of the old one; 0 is off, whatever comes after it',
    ...SNP,
    steps: [...boot(4 * PAGE), busy(1024), busy(3), touched(0), busy(1024, 7), busy(0, 1024), touched(1, 3)],
    counters: { rmpupdate_failed: 3, rmpupdate_4k: 4 },
  },
  {
    rule: 'after: so many attempts go through, of either instruction and direction',
    ...SNP,
    policy: THP,
    steps: [...boot(HUGE), busy(2, 3), touched(0), converted(9, 1, 'shared', 1), touched(8), converted(8, 1, 'shared')],
    counters: { rmpupdate_2m: 1, psmash: 1, rmpupdate_4k: 2, rmpupdate_failed: 2, psmash_failed: 0 },
  },
];

const givenUp: readonly Rule[] = [
  {
    rule: 'fewer than 16 attempts held: the update is through at the next, and the op knows nothing of it',
    ...SNP,
    steps: [...boot(2 * PAGE), busy(15), privately(0, 0), privately(1, 1)],
    counters: { rmpupdate_failed: 15, rmpupdate_4k: 2, prepares: 2, pages_cleared: 2, faults_4k: 2 },
    pages: [{ index: 0, prepared: true, rmp: entry(0), leaf: 0 }],
  },
  {
    rule: '2M, fewer than 16: one entry all the same',
    ...SNP,
    policy: THP,
    steps: [...boot(HUGE), busy(15), privately(0, 0, 9)],
    counters: { rmpupdate_failed: 15, rmpupdate_2m: 1, rmpupdate_4k: 0 },
  },
  {
    rule: '16: the hook has failed, EINVAL and no exit; the page stays, cleared and not prepared; the next fault is through',
    ...SNP,
    steps: [...boot(PAGE), busy(16), [FAULT, no('EINVAL')], privately(0, 0)],
    counters: { rmpupdate_failed: 16, rmpupdate_4k: 1, prepares: 2, pages_cleared: 2, folios_allocated_4k: 1 },
    pages: [{ index: 0, prepared: true, rmp: entry(0), leaf: 0 }],
  },
  {
    rule: '16, left at that: nothing marked, nothing assigned, no leaf',
    ...SNP,
    steps: [...boot(PAGE), busy(16), [FAULT, no('EINVAL')]],
    counters: { rmpupdate_failed: 16, rmpupdate_4k: 0, faults_4k: 0 },
    pages: [{ index: 0, pfn: 0, order: 0, ...NOTHING }],
  },
  {
    rule: 'more than 16: each fault has its own, EFAULT and exit where the policy says so',
    ...SNP,
    policy: THP,
    steps: [...boot(HUGE), busy(40), [FAULT, EFAULT], [{ ...FAULT, gpa: 7 * PAGE }, EFAULT], privately(7, 7, 9)],
    counters: { rmpupdate_failed: 40, rmpupdate_2m: 1, prepares: 3, pages_cleared: 3 * 512, exits: 2 },
    pages: [{ index: 511, prepared: true, rmp: entry(511, 9), leaf: 9 }],
  },
  {
    rule: 'touch and guest-write stop there, with what was done',
    ...SNP,
    steps: [
      ...boot(8 * PAGE),
      busy(32, 2),
      [{ op: 'touch', gpa: 0, size: 8 * PAGE }, no('EINVAL', { done: 2 })],
      [{ op: 'guest-write', gpa: PAGE, size: 3 * PAGE, byte: 1 }, no('EINVAL', { done: PAGE })],
      touched(0, 8),
    ],
    counters: { rmpupdate_failed: 32, rmpupdate_4k: 8 },
  },
  {
    rule: 'preparedness none: the next explicit fault calls the hook again, as it always does',
    ...SNP,
    policy: { preparedness: 'none' },
    steps: [...boot(PAGE), busy(16), [FAULT, no('EINVAL')], privately(0, 0)],
    counters: { rmpupdate_failed: 16, rmpupdate_4k: 1, prepares: 2, pages_cleared: 2 },
  },
  {
    rule: 'preparedness none: a page that has its entry asks for no update',
    ...SNP,
    policy: { preparedness: 'none' },
    steps: [...boot(PAGE), privately(0, 0), busy(16), privately(0, 0), touched(0)],
    counters: { rmpupdate_failed: 0, rmpupdate_4k: 1, prepares: 2 },
  },
  {
    rule: 'in place, a page that turned private again: its contents are not cleared twice',
    ...SNP,
    policy: { ...inPlace, hugepages: 'off', preparedness: 'state' },
    steps: [
      ...boot(PAGE),
      [{ op: 'guest-write', gpa: 0, size: PAGE, byte: 7 }, ok],
      turned(0, 1, 'shared', { content: 'zero' }),
      turned(0, 1, 'private'),
      busy(17),
      [FAULT, no('EINVAL')],
      [{ op: 'guest-read', gpa: 0, size: PAGE }, yes({ byte: UNSPECIFIED })],
    ],
    counters: { rmpupdate_failed: 17, rmpupdate_4k: 3, pages_cleared: 1 + 1 },
  },
  {
    rule: 'state-early: the allocation goes on without, and the fault prepares',
    ...SNP,
    policy: { ...inPlace, preparedness: 'state-early', punch: 'keep' },
    steps: [...boot(HUGE), busy(16), allocated(), privately(3, 3, 9)],
    counters: { rmpupdate_failed: 16, rmpupdate_2m: 1, prepares: 2, pages_cleared: 1024 },
  },
  {
    rule: 'a switch that nobody meets: shared accesses and copies have no entry',
    ...SNP,
    steps: [
      ...boot(PAGE),
      busy(1024),
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'shared' }, ok],
      [{ op: 'guest-write', gpa: 0, size: PAGE, byte: 3 }, ok],
      [{ op: 'fallocate', offset: 0, size: PAGE }, ok],
      [{ op: 'close' }, ok],
    ],
    counters: { rmpupdate_failed: 0, rmpupdate_4k: 0 },
  },
];

const undone: readonly Rule[] = [
  {
    rule: 'a hook given up half-way through a 2M folio: its entries are made shared, one that was there before stays',
    ...SNP,
    policy: THP,
    steps: [...boot(HUGE), [{ ...POPULATE, gpa: 5 * PAGE }, yes({ done: 1 })], busy(16, 100), [FAULT, EFAULT]],
    counters: { rmpupdate_failed: 16, rmpupdate_4k: 1 + 100 + 100, prepares: 1, pages_cleared: 511 },
    pages: [
      { index: 0, order: 9, ...NOTHING },
      { index: 5, prepared: true, rmp: entry(5, 0, true) },
      { index: 100, ...NOTHING },
    ],
  },
  {
    rule: 'the same, tried again: the rest of the folio gets its entries, and the page that was populated its bytes',
    ...SNP,
    policy: THP,
    steps: [
      ...boot(HUGE),
      [{ ...POPULATE, gpa: 5 * PAGE }, yes({ done: 1 })],
      busy(16, 100),
      [FAULT, EFAULT],
      privately(0, 0, 9, 0),
      [{ op: 'guest-read', gpa: 5 * PAGE, size: PAGE }, yes({ byte: 0x5a })],
      [{ op: 'guest-read', gpa: 6 * PAGE, size: PAGE }, yes({ byte: 0 })],
    ],
    counters: { rmpupdate_4k: 1 + 100 + 100 + 511, prepares: 2, pages_cleared: 2 * 511 },
  },
  {
    rule: 'a hook given up half-way through a 1G folio: undone by 2M; what holds the undo up does not end it',
    ...SNP,
    policy: giant,
    memory: GIANT_MEMORY,
    contents: false,
    steps: [...boot(GIANT), busy(21, 3), [FAULT, no('EINVAL')]],
    counters: { rmpupdate_failed: 21, rmpupdate_2m: 3 + 3, rmpupdate_4k: 0, prepares: 1 },
    pages: [
      { index: 0, order: 18, ...NOTHING },
      { index: 3 * 512, order: 18, ...NOTHING },
    ],
  },
  {
    rule: 'a hook given up half-way through a 1G folio that has an entry: 2M and 4K entries are undone, that one stays',
    ...SNP,
    policy: giant,
    memory: GIANT_MEMORY,
    contents: false,
    steps: [
      ...boot(GIANT),
      [{ ...POPULATE, gpa: 5 * PAGE }, yes({ done: 1 })],
      busy(16, 511 + 3),
      [FAULT, no('EINVAL')],
    ],
    counters: { rmpupdate_failed: 16, rmpupdate_2m: 3 + 3, rmpupdate_4k: 1 + 511 + 511 },
    pages: [
      { index: 4, order: 18, ...NOTHING },
      { index: 5, prepared: true, rmp: entry(5, 0, true) },
      { index: 512, ...NOTHING },
      { index: 4 * 512, ...NOTHING },
    ],
  },
  {
    rule: 'the same, tried again',
    ...SNP,
    policy: giant,
    memory: GIANT_MEMORY,
    contents: false,
    steps: [...boot(GIANT), busy(16, 3), [FAULT, no('EINVAL')], [FAULT, yes({ pfn: 0, order: 18, level: '2M' })]],
    counters: { rmpupdate_failed: 16, rmpupdate_2m: 3 + 3 + 512, prepares: 2 },
    pages: [{ index: 512 * 512 - 1, prepared: true, rmp: entry(512 * 512 - 1, 9) }],
  },
];

const populating: readonly Rule[] = [
  {
    rule: 'populate given up at its first page: EFAULT whatever the policy says of the hook; nothing is done',
    ...SNP,
    steps: [...boot(PAGE), busy(16), [POPULATE, no('EFAULT')]],
    counters: { rmpupdate_failed: 16, rmpupdate_4k: 0, exits: 0 },
    pages: [{ index: 0, order: 0, ...NOTHING }],
  },
  {
    rule: 'populate given up after some pages: a short done; the rest can be populated',
    ...SNP,
    steps: [
      ...boot(4 * PAGE),
      busy(16, 2),
      [{ ...POPULATE, size: 4 * PAGE }, yes({ done: 2 })],
      [{ ...POPULATE, gpa: 2 * PAGE, size: 2 * PAGE }, yes({ done: 2 })],
      [{ op: 'guest-read', gpa: 0, size: 4 * PAGE }, yes({ byte: 0x5a })],
    ],
    counters: { rmpupdate_failed: 16, rmpupdate_4k: 4, prepares: 0, pages_cleared: 0 },
  },
  {
    rule: 'populate given up within a 2M step: the entries of the step are made shared, and none of its pages is done',
    ...SNP,
    policy: THP,
    steps: [...boot(2 * HUGE), busy(19, 512 + 100), [{ ...POPULATE, size: 2 * HUGE }, yes({ done: 512 })]],
    counters: { rmpupdate_failed: 19, rmpupdate_4k: 512 + 100 + 100, pages_cleared: 0 },
    pages: [
      { index: 511, prepared: true, rmp: entry(511, 0, true) },
      { index: 512, order: 9, ...NOTHING },
      { index: 612, ...NOTHING },
    ],
  },
  {
    rule: 'populate given up: the page it stopped at has its bytes already, where no clearing comes after it',
    ...SNP,
    policy: { ...inPlace, hugepages: 'off', preparedness: 'state' },
    steps: [
      ...boot(3 * PAGE),
      turned(0, 3, 'shared'),
      touched(0, 3),
      turned(0, 3, 'private'),
      busy(16, 1),
      [{ ...POPULATE, size: 3 * PAGE }, yes({ done: 1 })],
      [{ op: 'guest-read', gpa: 0, size: 2 * PAGE }, yes({ byte: 0x5a })],
      [{ op: 'guest-read', gpa: 2 * PAGE, size: PAGE }, yes({ byte: UNSPECIFIED })],
    ],
    counters: { rmpupdate_4k: 3 },
  },
];

/** A 2M folio, mapped, whose 2M entry is in the RMP. */
const whole: readonly Step[] = [...boot(HUGE), privately(0, 0, 9)];

const through: readonly Rule[] = [
  {
    rule: 'to shared, a part of a 2M entry: the psmash before it is made until it is through',
    ...SNP,
    policy: THP,
    steps: [...whole, busy(100), converted(9, 2, 'shared', 1)],
    counters: { psmash_failed: 100, psmash: 1, rmpupdate_failed: 0, rmpupdate_4k: 2 },
    pages: [
      { index: 9, order: undefined, rmp: undefined },
      { index: 8, rmp: entry(8) },
    ],
  },
  {
    rule: 'to shared, the update after the psmash: until it is through',
    ...SNP,
    policy: THP,
    steps: [...whole, busy(1024, 1), converted(9, 2, 'shared', 1)],
    counters: { psmash_failed: 0, psmash: 1, rmpupdate_failed: 1024, rmpupdate_4k: 2 },
  },
  {
    rule: 'punch and close: pages that are freed are shared first, however long it takes',
    ...SNP,
    policy: THP,
    steps: [...boot(2 * HUGE), touched(0, 1024), busy(40), punched(0, 512, 512), busy(30), [{ op: 'close' }, ok]],
    counters: { rmpupdate_failed: 70, rmpupdate_2m: 4, psmash: 0, host_pages_end: 0 },
  },
  {
    rule: 'in place, one page to shared: the same',
    ...SNP,
    policy: { ...inPlace, hugepages: 'off' },
    steps: [...boot(2 * PAGE), touched(0, 2), busy(20), turned(0, 1, 'shared'), turned(1, 1, 'shared')],
    counters: { rmpupdate_failed: 20, rmpupdate_4k: 4 },
    pages: [{ index: 0, rmp: undefined }],
  },
  {
    rule: 'poison: the 2M entry is smashed in the end',
    ...SNP,
    policy: { ...THP, poison: 'page' },
    steps: [...whole, busy(33), [{ op: 'poison', offset: 3 * PAGE }, ok]],
    counters: { psmash_failed: 33, psmash: 1 },
    pages: [{ index: 3, poisoned: true, rmp: entry(3) }],
  },
  {
    rule: 'validate 4K on a 2M entry: the guest faults until the entry is smashed; same outcome, leaves and code',
    ...SNP,
    policy: THP,
    steps: [
      ...whole,
      busy(40),
      [{ ...VALIDATE, gpa: 7 * PAGE }, yes({ code: 0 })],
      [{ ...VALIDATE, gpa: 7 * PAGE }, yes({ code: 255 })],
    ],
    counters: {
      psmash_failed: 40,
      psmash: 1,
      zaps_2m: 1,
      faults_2m: 1,
      faults_4k: 1,
      pvalidate: 2,
      prepares: 1,
      exits: 0,
    },
    pages: [{ index: 7, rmp: entry(7, 0, true), leaf: 0 }],
  },
  {
    rule: 'validate whose fault finds the hook given up: the error is the answer, and nothing was validated',
    ...SNP,
    steps: [...boot(PAGE), busy(16), [VALIDATE, no('EINVAL')], [VALIDATE, yes({ code: 0 })]],
    counters: { rmpupdate_failed: 16, pvalidate: 1 },
  },
  {
    rule: 'promotion: 512 updates and the one of 2M after them, until it is through; the pages are in use',
    ...SNP,
    policy: { hugepages: '2M', promote: 'rebuild' },
    steps: [
      ...boot(HUGE),
      allocated(),
      [{ op: 'split', offset: 0, size: PAGE }, yes({ split: 1 })],
      touched(0, 512),
      busy(25, 512),
      [{ op: 'merge', offset: 0, size: HUGE, order: 9 }, yes({ merged: 1 })],
      privately(0, 0, 9),
    ],
    counters: { rmpupdate_failed: 25, rmpupdate_4k: 1024, rmpupdate_2m: 1, promotions: 1 },
  },
];

/** The first byte beyond what an entry can name. */
const BEYOND = 2 ** 51;

/** Not another processor's doing: the entry has no room for the gfn. It is not tried again. */
const unfit: readonly Rule[] = [
  {
    rule: 'a gfn of 2^39 does not fit into an entry: the hook fails at once, the last below it is as any other',
    ...SNP,
    steps: [
      [{ op: 'create', size: 2 * PAGE }, ok],
      [{ op: 'bind', slot: 0, gpa: BEYOND - PAGE, size: 2 * PAGE }, ok],
      [{ op: 'fault', gpa: BEYOND - PAGE, access: 'private' }, yes({ pfn: 0, order: 0, level: '4K' })],
      [{ op: 'fault', gpa: BEYOND, access: 'private' }, no('EINVAL')],
      [{ op: 'fault', gpa: BEYOND, access: 'private' }, no('EINVAL')],
      [{ op: 'populate', gpa: BEYOND, size: PAGE, fill: 1 }, no('EFAULT')],
    ],
    pages: [
      { index: 0, prepared: true, rmp: entry(BEYOND / PAGE - 1) },
      { index: 1, pfn: 1, order: 0, ...NOTHING },
    ],
    counters: { rmpupdate_4k: 1, rmpupdate_failed: 3, prepares: 3 },
  },
  {
    rule: 'the same by 2M, with the errno of the series',
    ...SNP,
    policy: THP,
    steps: [
      [{ op: 'create', size: HUGE }, ok],
      [{ op: 'bind', slot: 0, gpa: BEYOND, size: HUGE }, ok],
      [{ op: 'touch', gpa: BEYOND, size: PAGE, write: true }, no('EFAULT', { exit: 'memory-fault', done: 0 })],
    ],
    pages: [{ index: 0, pfn: 0, order: 9, ...NOTHING }],
    counters: { rmpupdate_2m: 0, rmpupdate_failed: 1, pages_cleared: 512 },
  },
];

export const busyRmp: readonly Rule[] = [...unfit, ...switching, ...givenUp, ...undone, ...populating, ...through];
