/**
 * docs/semantics-tdx.md, sections 24 and 25: promotion after merges, and merges that wait.
 */
import { HUGE, PAGE } from '../run.js';
import { allocated, GIANT, GIANT_MEMORY, giant, inPlace, pool, referred, touched, turned } from './designs.js';
import { boot, no, ok, privately, punched, type Rule, yes } from './rule.js';

type Step = Rule['steps'][number];

const SPLIT = { op: 'split', offset: 0, size: PAGE } as const;
const MERGE: Step = [{ op: 'merge', offset: 0, size: HUGE, order: 9 }, yes({ merged: 1 })];
const VALIDATE = { op: 'validate', gpa: 0, size: PAGE } as const;
const REBUILD = { hugepages: '2M', promote: 'rebuild' } as const;
const SEPT = { hugepages: '2M', promote: 'sept' } as const;
const DEFERRED = { ...inPlace, merge: 'deferred' } as const;

/** One 2M folio, split, and all of it mapped in 4K leaves. */
const small: readonly Step[] = [...boot(HUGE), allocated(), [SPLIT, yes({ split: 1 })], touched(0, 512)];
/** The folio of index 0 is huge, or is not; asking splits it. */
const huge = (is: boolean): Step => [SPLIT, yes({ split: Number(is) })];

function idle(ops: number): Step[] {
  return Array.from({ length: ops }, () => [{ op: 'set', key: 'hugepages', value: '2M' }, ok]);
}

export const promotion: readonly Rule[] = [
  {
    rule: 'none: a merge leaves the small leaves',
    arch: 'snp',
    policy: { hugepages: '2M' },
    steps: [...small, MERGE],
    counters: { promotions: 0, zaps_4k: 0, rmpupdate_4k: 512 },
    pages: [{ index: 0, leaf: 0, order: 9 }],
  },
  {
    rule: 'rebuild on snp: 512 updates to shared, one of 2M to private; contents stay, the guest validates again',
    arch: 'snp',
    policy: REBUILD,
    steps: [
      ...small,
      [{ op: 'guest-write', gpa: 0, size: HUGE, byte: 7 }, ok],
      [VALIDATE, yes({ code: 0 })],
      MERGE,
      privately(0, 0, 9),
      [{ op: 'guest-read', gpa: 0, size: HUGE }, yes({ byte: 7 })],
      [{ ...VALIDATE, size: HUGE }, yes({ code: 0 })],
    ],
    counters: { promotions: 1, zaps_4k: 512, rmpupdate_4k: 1024, rmpupdate_2m: 1, faults_2m: 1, psmash: 0 },
    pages: [{ index: 3, leaf: 9, rmp: { asid: 1, gfn: 3, order: 9, validated: true, immutable: false } }],
  },
  {
    rule: 'rebuild on snp needs all 512 entries: one page that was never assigned and it stays as it is',
    arch: 'snp',
    policy: REBUILD,
    steps: [...boot(HUGE), allocated(), [SPLIT, yes({ split: 1 })], touched(0, 511), MERGE],
    counters: { promotions: 0, zaps_4k: 0, rmpupdate_4k: 511, rmpupdate_2m: 0 },
  },
  {
    rule: 'rebuild on snp, merged by the conversion itself: the page that came back is not assigned yet',
    arch: 'snp',
    policy: { ...inPlace, merge: 'eager', promote: 'rebuild' },
    steps: [
      ...boot(HUGE),
      touched(0),
      turned(3, 1, 'shared', { split: 1 }),
      touched(0, 512),
      turned(3, 1, 'private', { merged: 1 }),
    ],
    counters: { promotions: 0, merges_2m: 1 },
  },
  {
    rule: 'rebuild on snp, prepared at once (state-early): the conversion back promotes',
    arch: 'snp',
    policy: { ...inPlace, preparedness: 'state-early', merge: 'eager', promote: 'rebuild' },
    steps: [
      ...boot(HUGE),
      touched(0),
      turned(3, 1, 'shared', { split: 1 }),
      turned(3, 1, 'private', { merged: 1 }),
      privately(0, 0, 9),
    ],
    counters: { promotions: 1, psmash: 1, rmpupdate_2m: 2, rmpupdate_4k: 1 + 1 + 512 },
  },
  {
    rule: 'rebuild on snp: not where gfn and index are not congruent',
    arch: 'snp',
    policy: REBUILD,
    steps: [
      [{ op: 'create', size: HUGE }, ok],
      [{ op: 'bind', slot: 0, gpa: PAGE, size: HUGE }, ok],
      allocated(),
      [SPLIT, yes({ split: 1 })],
      touched(1, 512),
      MERGE,
    ],
    counters: { promotions: 0 },
  },
  {
    rule: 'rebuild: the merge of a pool page that a punch frees is not looked at',
    arch: 'snp',
    policy: { ...pool, promote: 'rebuild' },
    steps: [...small, punched(0, 512, 512)],
    counters: { merges_2m: 1, promotions: 0, rmpupdate_4k: 1024, rmpupdate_2m: 0 },
  },
  {
    rule: 'rebuild without an RMP: every leaf of the folio goes if one of them is small, and the next fault is huge',
    arch: 'pkvm',
    policy: { ...inPlace, merge: 'eager', promote: 'rebuild' },
    steps: [
      ...boot(HUGE),
      turned(0, 512, 'private'),
      touched(0),
      turned(3, 1, 'shared', { split: 1 }),
      touched(0, 512),
      turned(3, 1, 'private', { merged: 1 }),
      privately(0, 0, 9),
    ],
    counters: { promotions: 1, zaps_2m: 1, zaps_4k: 512, faults_2m: 2 },
  },
  {
    rule: 'rebuild without an RMP: nothing mapped, nothing to do',
    policy: REBUILD,
    steps: [...boot(HUGE), allocated(), [SPLIT, yes({ split: 1 })], MERGE],
    counters: { promotions: 0 },
  },
  {
    rule: 'sept: 512 pending leaves become one of 2M, with what they hold',
    arch: 'tdx',
    policy: SEPT,
    steps: [
      ...small,
      [{ op: 'guest-write', gpa: 0, size: HUGE, byte: 7 }, ok],
      MERGE,
      [{ op: 'guest-read', gpa: 0, size: HUGE }, yes({ byte: 7 })],
      [{ ...VALIDATE, size: HUGE }, yes({ code: 0 })],
    ],
    counters: { promotions: 1, sept_promote: 1, sept_remove: 0, zaps_4k: 0, faults_2m: 0, faults_4k: 512 },
    pages: [{ index: 511, leaf: 9, order: 9 }],
  },
  {
    rule: 'sept: 512 accepted leaves become one that is accepted',
    arch: 'tdx',
    policy: SEPT,
    steps: [
      ...boot(HUGE),
      allocated(),
      [SPLIT, yes({ split: 1 })],
      [{ op: 'populate', gpa: 0, size: HUGE, fill: 1 }, yes({ done: 512 })],
      [{ op: 'finalize' }, ok],
      MERGE,
      [{ ...VALIDATE, size: HUGE }, yes({ code: 255 })],
    ],
    counters: { sept_promote: 1, sept_add: 512 },
  },
  {
    rule: 'sept: some accepted and some pending is refused by the module, and stays',
    arch: 'tdx',
    policy: SEPT,
    steps: [...small, [VALIDATE, yes({ code: 0 })], MERGE],
    counters: { promotions: 0, sept_promote: 0 },
    pages: [{ index: 0, leaf: 0, order: 9 }],
  },
  {
    rule: 'sept: a page without a leaf, and it stays',
    arch: 'tdx',
    policy: SEPT,
    steps: [...boot(HUGE), allocated(), [SPLIT, yes({ split: 1 })], touched(0, 511), MERGE],
    counters: { promotions: 0 },
  },
  {
    rule: 'sept: a promoted leaf is demoted like any other',
    arch: 'tdx',
    policy: SEPT,
    steps: [...small, MERGE, [{ op: 'attributes', gpa: 0, size: PAGE, to: 'shared' }, ok]],
    counters: { sept_promote: 1, sept_demote: 1, sept_remove: 1 },
    pages: [{ index: 1, leaf: 0 }],
  },
];

export const deferred: readonly Rule[] = [
  {
    rule: 'a range that turned private is merged 1024 ops later, after that op, refused ones counted',
    arch: 'snp',
    policy: DEFERRED,
    steps: [
      ...boot(HUGE),
      allocated(),
      turned(3, 1, 'shared', { split: 1 }),
      turned(3, 1, 'private'),
      ...idle(1022),
      [{ op: 'touch', vm: 0, gpa: 0, size: 0 }, no('EINVAL')],
      huge(false),
      huge(true),
    ],
    counters: { merges_2m: 1, merge_distinct_2m: 1 },
  },
  {
    rule: 'converted again meanwhile, it is due anew',
    arch: 'snp',
    policy: DEFERRED,
    steps: [
      ...boot(HUGE),
      allocated(),
      turned(3, 1, 'shared', { split: 1 }),
      turned(3, 1, 'private'),
      ...idle(500),
      turned(5, 1, 'shared'),
      turned(5, 1, 'private'),
      ...idle(1023),
      huge(false),
      huge(true),
    ],
  },
  {
    rule: 'a conversion to shared takes it out, a punch that is filled again leaves it in',
    arch: 'snp',
    policy: DEFERRED,
    steps: [
      ...boot(2 * HUGE),
      allocated(2 * HUGE),
      turned(3, 1, 'shared', { split: 1 }),
      turned(3, 1, 'private'),
      turned(520, 1, 'shared', { split: 1 }),
      turned(520, 1, 'private'),
      turned(5, 1, 'shared'),
      punched(521, 1, 1),
      [{ op: 'fallocate', offset: HUGE, size: HUGE }, ok],
      ...idle(1100),
      huge(false),
      [{ ...SPLIT, offset: HUGE }, yes({ split: 1 })],
    ],
    counters: { merges_2m: 1 },
  },
  {
    rule: 'a merge that cannot be is dropped, and is no attempt',
    arch: 'snp',
    policy: DEFERRED,
    steps: [
      ...boot(HUGE),
      allocated(),
      turned(3, 1, 'shared', { split: 1 }),
      turned(3, 1, 'private'),
      referred(7, 1),
      ...idle(1100),
      [{ op: 'unpin', offset: 7 * PAGE, size: PAGE, kind: 'speculative' }, ok],
      ...idle(1100),
      huge(false),
    ],
    counters: { merges_2m: 0, split_failed: 0 },
  },
  {
    rule: 'what a closed file left is dropped, a new file of that id has nothing to do with it',
    arch: 'snp',
    policy: DEFERRED,
    steps: [
      ...boot(HUGE),
      allocated(),
      turned(3, 1, 'shared', { split: 1 }),
      turned(3, 1, 'private'),
      [{ op: 'close' }, ok],
      [{ op: 'create', size: HUGE }, ok],
      allocated(),
      [SPLIT, yes({ split: 1 })],
      ...idle(1100),
      huge(false),
    ],
    counters: { merges_2m: 0 },
  },
  {
    rule: 'promotion looks at what the worker merged',
    arch: 'tdx',
    policy: { ...DEFERRED, promote: 'sept' },
    steps: [
      ...boot(HUGE),
      allocated(),
      turned(3, 1, 'shared', { split: 1 }),
      turned(3, 1, 'private'),
      touched(0, 512),
      ...idle(1100),
    ],
    counters: { merges_2m: 1, sept_promote: 1, promotions: 1 },
    pages: [{ index: 0, leaf: 9, order: 9 }],
  },
  {
    rule: 'splitTo minimal: the 2M blocks of the range first, then the range',
    arch: 'snp',
    memory: GIANT_MEMORY,
    contents: false,
    policy: { ...giant, splitTo: 'minimal', merge: 'deferred' },
    steps: [
      ...boot(GIANT),
      allocated(PAGE),
      turned(3, 1, 'shared', { split: 2 }),
      turned(3, 1, 'private'),
      ...idle(1024),
    ],
    counters: { merges_2m: 1, merges_1g: 1 },
    pages: [{ index: 0, order: 18 }],
  },
  {
    rule: 'eager, for comparison: merged at once',
    arch: 'snp',
    policy: { ...inPlace, merge: 'eager' },
    steps: [...boot(HUGE), allocated(), turned(3, 1, 'shared', { split: 1 }), turned(3, 1, 'private', { merged: 1 })],
    counters: { merges_2m: 1 },
  },
];
