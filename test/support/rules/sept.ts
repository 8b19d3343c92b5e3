/**
 * docs/semantics-tdx.md, section 23: faults, zaps, demotions and references under TDX, and page accepts.
 */
import { HUGE, PAGE } from '../run.js';
import {
  allocated,
  GIANT,
  GIANT_MEMORY,
  giant,
  inPlace,
  naturalGiant,
  pool,
  referred,
  touched,
  turned,
} from './designs.js';
import { boot, converted, no, ok, privately, punched, type Rule, yes } from './rule.js';

const SPLIT = { op: 'split', offset: 0, size: PAGE } as const;
const VALIDATE = { op: 'validate', gpa: 0, size: PAGE } as const;
const WHOLE = { ...VALIDATE, size: HUGE } as const;
const UNBIND = { op: 'bind', slot: 0, size: 0 } as const;
const BIND = { op: 'bind', slot: 0, size: HUGE } as const;
const FINALIZE = { op: 'finalize' } as const;
const tdx = { arch: 'tdx', policy: { hugepages: '2M' } } as const;
const frozen = { arch: 'tdx', policy: { hugepages: '2M', refs: 'frozen' } } as const;
const big = { arch: 'tdx', memory: GIANT_MEMORY, contents: false } as const;

function wrote(page: number, byte: number, pages = 1): Rule['steps'][number] {
  return [{ op: 'guest-write', gpa: page * PAGE, size: pages * PAGE, byte }, ok];
}

function reads(page: number, byte: number, pages = 1): Rule['steps'][number] {
  return [{ op: 'guest-read', gpa: page * PAGE, size: pages * PAGE }, yes({ byte })];
}

export const sept: readonly Rule[] = [
  {
    ...tdx,
    rule: 'a private fault adds one leaf, pending, of either size; nothing is prepared but the clearing',
    steps: [...boot(2 * HUGE), privately(3, 3, 9), [WHOLE, yes({ code: 0 })]],
    counters: { sept_aug: 1, faults_2m: 1, prepares: 0, pages_cleared: 512, rmpupdate_2m: 0 },
    pages: [{ index: 0, prepared: true, leaf: 9 }],
  },
  {
    ...big,
    rule: 'a private leaf is at most 2M, a shared one as large as its folio',
    policy: naturalGiant,
    steps: [
      ...boot(GIANT, ['init-shared']),
      [{ op: 'fault', gpa: 0, access: 'shared' }, yes({ pfn: 0, order: 18, level: '1G' })],
      turned(0, 2 ** 18, 'private'),
      [{ op: 'fault', gpa: 0, access: 'private' }, yes({ pfn: 0, order: 18, level: '2M' })],
    ],
    counters: { faults_1g: 1, zaps_1g: 1, faults_2m: 1, sept_aug: 1, sept_remove: 0 },
  },
  {
    ...tdx,
    rule: 'a private leaf is 4K where its 2M range holds a live 4K leaf, and 2M again without',
    steps: [
      ...boot(HUGE),
      [VALIDATE, yes({ code: 0 })],
      privately(7, 7, 9, 0),
      [{ op: 'fault', gpa: 9 * PAGE, access: 'private', map: false }, yes({ pfn: 9, order: 9, level: '4K' })],
      [UNBIND, ok],
      [BIND, ok],
      privately(7, 7, 9),
    ],
    counters: { faults_4k: 2, faults_2m: 1, sept_aug: 3, sept_remove: 2 },
  },
  {
    arch: 'tdx',
    rule: 'whatever removes a private leaf loses its content; the mark stays, and nothing is cleared for it',
    steps: [
      ...boot(2 * PAGE),
      wrote(0, 7, 2),
      [UNBIND, ok],
      [{ ...BIND, size: 2 * PAGE }, ok],
      reads(0, 0, 2),
      wrote(0, 8, 2),
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'shared' }, ok],
      [{ op: 'attributes', gpa: 0, size: PAGE, to: 'private' }, ok],
      reads(0, 0),
      reads(1, 8),
    ],
    counters: { sept_aug: 5, sept_remove: 3, zaps_4k: 3, pages_cleared: 2 },
    pages: [{ index: 0, prepared: true }],
  },
  {
    arch: 'tdx',
    rule: 'a shared leaf is none of the S-EPT: it goes without a removal, and keeps what the page holds',
    policy: inPlace,
    steps: [
      ...boot(HUGE, ['mmap', 'init-shared']),
      touched(0),
      [{ op: 'host-write', offset: 0, size: PAGE, byte: 3 }, ok],
      [UNBIND, ok],
      [{ op: 'host-read', offset: 0, size: PAGE }, yes({ byte: 3 })],
    ],
    counters: { faults_4k: 1, zaps_4k: 1, sept_aug: 0, sept_remove: 0 },
  },
  {
    ...tdx,
    rule: 'attributes of a part of a 2M private leaf: demoted, and only what is inside goes',
    steps: [
      ...boot(HUGE),
      wrote(0, 7, 512),
      [{ op: 'attributes', gpa: 3 * PAGE, size: 2 * PAGE, to: 'shared' }, ok],
      [{ op: 'attributes', gpa: 3 * PAGE, size: 2 * PAGE, to: 'private' }, ok],
      reads(0, 7, 3),
      reads(3, 0, 2),
      reads(5, 7, 507),
    ],
    counters: { sept_demote: 1, sept_remove: 2, zaps_4k: 2, zaps_2m: 0, faults_2m: 1, faults_4k: 2, sept_aug: 3 },
  },
  {
    arch: 'tdx',
    rule: 'a flip reaches the leaves of the kind that ends: what has the new kind already keeps leaf and content',
    steps: [
      ...boot(4 * PAGE),
      wrote(0, 7),
      [{ op: 'attributes', gpa: PAGE, size: 2 * PAGE, to: 'shared' }, ok],
      wrote(1, 3, 2),
      [{ op: 'attributes', gpa: 0, size: 2 * PAGE, to: 'private' }, ok],
      reads(0, 7),
      [{ op: 'convert', gpa: 0, size: 3 * PAGE, to: 'private' }, yes({ changed: 1, split: 0, merged: 0 })],
      reads(0, 7),
    ],
    counters: { sept_aug: 1, sept_remove: 0, zaps_4k: 2, faults_4k: 3 },
    pages: [{ index: 0, leaf: 0 }],
  },
  {
    ...tdx,
    rule: 'to private demotes no private leaf that reaches into the range',
    steps: [
      ...boot(2 * HUGE),
      wrote(0, 7, 512),
      [{ op: 'attributes', gpa: HUGE, size: PAGE, to: 'shared' }, ok],
      wrote(512, 3),
      [{ op: 'convert', gpa: HUGE - PAGE, size: 2 * PAGE, to: 'private' }, yes({ changed: 1, split: 0, merged: 0 })],
      reads(0, 7, 512),
    ],
    counters: { sept_demote: 0, sept_remove: 0, zaps_2m: 0, zaps_4k: 1 },
    pages: [{ index: 511, leaf: 9 }],
  },
  {
    arch: 'tdx',
    rule: 'by discard the file reaches private leaves alone: the copy of a shared page stays mapped, until its slot goes',
    steps: [
      ...boot(2 * PAGE),
      [{ op: 'attributes', gpa: PAGE, size: PAGE, to: 'shared' }, ok],
      wrote(0, 7),
      wrote(1, 3),
      [{ op: 'convert', gpa: 0, size: 2 * PAGE, to: 'shared' }, yes({ changed: 1, split: 0, merged: 0 })],
      punched(0, 2, 0),
      [{ op: 'fallocate', offset: PAGE, size: PAGE }, ok],
      [{ op: 'poison', offset: PAGE }, ok],
      [{ op: 'close' }, ok],
      reads(1, 3),
      [UNBIND, ok],
    ],
    counters: { sept_remove: 1, zaps_4k: 2, faults_4k: 2 },
  },
  {
    ...tdx,
    rule: 'by discard a split of the folio leaves the 2M leaf of the copy alone',
    steps: [
      ...boot(HUGE),
      [{ op: 'attributes', gpa: 0, size: HUGE, to: 'shared' }, ok],
      wrote(0, 3),
      allocated(HUGE),
      [SPLIT, yes({ split: 1 })],
      reads(0, 3),
    ],
    counters: { splits_2m: 1, zaps_2m: 0, faults_2m: 1 },
  },
  {
    arch: 'tdx',
    rule: 'in place the file reaches leaves of both kinds',
    policy: { ...inPlace, hugepages: 'off' },
    steps: [...boot(2 * PAGE), turned(1, 1, 'shared'), touched(0, 2), punched(0, 2, 2)],
    counters: { sept_remove: 1, zaps_4k: 2 },
  },
  {
    ...tdx,
    rule: 'a leaf that lies whole in the range is removed as one',
    steps: [...boot(2 * HUGE), touched(0), touched(512), converted(0, 513, 'shared')],
    counters: { sept_demote: 1, sept_remove: 2, zaps_2m: 1, zaps_4k: 1, split_failed: 1, folios_freed_2m: 1 },
  },
  {
    arch: 'tdx',
    rule: 'punch keep keeps the pages, not what the guest had in them',
    policy: { ...inPlace, punch: 'keep' },
    steps: [...boot(HUGE), wrote(0, 7, 512), punched(4, 2, 0), reads(0, 7, 4), reads(4, 0, 2), reads(6, 7)],
    counters: { sept_demote: 1, sept_remove: 2, pages_cleared: 512 },
    pages: [{ index: 4, prepared: true }],
  },
  {
    ...tdx,
    rule: 'counted: the split of a folio under a private leaf is refused, again and again',
    steps: [
      ...boot(2 * HUGE),
      touched(0),
      [{ ...SPLIT, offset: 2 * PAGE }, no('EAGAIN', { offset: 2 * PAGE })],
      [{ ...SPLIT, offset: 2 * PAGE }, no('EAGAIN', { offset: 2 * PAGE })],
      [UNBIND, ok],
      [SPLIT, yes({ split: 1 })],
    ],
    counters: { split_failed: 2, splits_2m: 1, sept_demote: 0, sept_remove: 1 },
  },
  {
    ...frozen,
    rule: 'frozen: the folio is split, and its private leaf demoted with what it holds',
    steps: [
      ...boot(HUGE),
      wrote(0, 7, 512),
      [WHOLE, yes({ code: 0 })],
      [SPLIT, yes({ split: 1 })],
      reads(0, 7, 512),
      [VALIDATE, yes({ code: 255 })],
    ],
    counters: { splits_2m: 1, sept_demote: 1, sept_remove: 0, zaps_2m: 0, faults_4k: 0 },
    pages: [{ index: 511, leaf: 0, order: 0 }],
  },
  {
    ...big,
    rule: 'frozen: a 1G folio split to 4K demotes all its 2M leaves, one split to 2M none',
    policy: { ...giant, refs: 'frozen' },
    steps: [
      ...boot(GIANT),
      touched(0),
      touched(512),
      [{ ...SPLIT, order: 9 }, yes({ split: 1 })],
      [SPLIT, yes({ split: 1 })],
      [{ op: 'merge', offset: 0, size: GIANT, order: 18 }, yes({ merged: 1 })],
      [{ ...SPLIT, offset: GIANT - PAGE }, yes({ split: 1 })],
    ],
    counters: { sept_demote: 2, sept_remove: 0, zaps_2m: 0, faults_2m: 2 },
    pages: [{ index: 512, leaf: 0, order: 0 }],
  },
  {
    arch: 'tdx',
    rule: 'counted, in place: a part of a mapped huge folio does not turn shared, and nothing is zapped; the whole does',
    policy: inPlace,
    steps: [
      ...boot(2 * HUGE),
      wrote(0, 7, 512),
      [
        { op: 'convert', gpa: 4 * PAGE, size: 2 * PAGE, to: 'shared' },
        no('EAGAIN', { changed: 0, split: 0, merged: 0, gpa: 4 * PAGE }),
      ],
      reads(0, 7, 512),
      turned(0, 512, 'shared', { split: 1 }),
    ],
    counters: { convert_eagain: 1, split_failed: 1, splits_2m: 1, sept_demote: 0, sept_remove: 1, zaps_2m: 1 },
  },
  {
    arch: 'tdx',
    rule: 'frozen, in place: the part is demoted, zapped, and the folio split under the leaves that stay',
    policy: { ...inPlace, refs: 'frozen' },
    steps: [...boot(HUGE), wrote(0, 7, 512), turned(4, 2, 'shared', { split: 1 }), reads(0, 7, 4), reads(6, 7, 506)],
    counters: { convert_eagain: 0, sept_demote: 1, sept_remove: 2, zaps_4k: 2, zaps_2m: 0 },
    pages: [{ index: 6, leaf: 0, order: 0 }],
  },
  {
    arch: 'tdx',
    rule: 'counted: leaves that the conversion itself zaps do not refuse it',
    policy: inPlace,
    steps: [...boot(HUGE), [{ ...VALIDATE, gpa: 4 * PAGE }, yes({ code: 0 })], turned(4, 1, 'shared', { split: 1 })],
    counters: { split_failed: 0, sept_remove: 1 },
  },
  {
    ...tdx,
    rule: 'counted, punch split: leaves in the hole go first; one beside it keeps the folio whole, hole and all',
    steps: [
      ...boot(2 * HUGE),
      [{ ...VALIDATE, gpa: 4 * PAGE }, yes({ code: 0 })],
      punched(4, 1, 1, 1),
      wrote(512, 7, 512),
      punched(516, 2, 0),
      reads(512, 7, 4),
      reads(516, 0, 2),
    ],
    counters: { splits_2m: 1, split_failed: 1, sept_demote: 1, sept_remove: 3 },
    pages: [
      { index: 4, pfn: undefined },
      { index: 516, pfn: 516, order: 9, prepared: true },
    ],
  },
  {
    ...tdx,
    rule: 'counted, by discard: a part of a mapped folio turns shared, the folio keeps its pages',
    steps: [...boot(HUGE), touched(0), converted(4, 2, 'shared')],
    counters: { split_failed: 1, convert_eagain: 0, sept_remove: 2, folios_freed_4k: 0, retained_pages_peak: 0 },
    pages: [{ index: 4, pfn: 4, order: 9, kind: 'shared' }],
  },
  {
    ...tdx,
    rule: 'a speculative and a mapping reference together: one refusal, one attempt',
    steps: [
      ...boot(HUGE),
      touched(0),
      referred(5, 2),
      [SPLIT, no('EAGAIN', { offset: 0 })],
      [{ op: 'unpin', offset: 5 * PAGE, size: PAGE, kind: 'speculative' }, ok],
      referred(5, 1),
      [SPLIT, no('EAGAIN', { offset: 0 })],
      [{ op: 'unpin', offset: 5 * PAGE, size: PAGE, kind: 'speculative' }, no('EINVAL', { done: 0 })],
    ],
    counters: { split_failed: 2 },
  },
  {
    arch: 'tdx',
    rule: 'mapping references refuse no merge, no punch of a whole folio, no conversion to private',
    policy: pool,
    steps: [
      ...boot(2 * HUGE, ['mmap']),
      allocated(2 * HUGE),
      [SPLIT, yes({ split: 1 })],
      touched(0, 512),
      [{ op: 'merge', offset: 0, size: HUGE, order: 9 }, yes({ merged: 1 })],
      turned(520, 2, 'shared', { split: 1 }),
      touched(512, 512),
      turned(520, 2, 'private'),
      punched(0, 512, 512),
    ],
    counters: { split_failed: 0, convert_eagain: 0, merges_2m: 1, sept_remove: 512 },
  },
  {
    arch: 'tdx',
    rule: 'poison: page takes the whole folio where the module holds it, and counts the refused split',
    policy: { hugepages: '2M', poison: 'page' },
    steps: [...boot(HUGE), touched(0), [{ op: 'poison', offset: 5 * PAGE }, ok]],
    counters: { split_failed: 1, splits_2m: 0, sept_remove: 1, sept_demote: 0, zaps_2m: 1 },
    pages: [{ index: 6, poisoned: true, leaf: undefined }],
  },
  {
    arch: 'tdx',
    rule: 'poison: page, frozen: the folio is split, its leaf demoted, one page goes',
    policy: { hugepages: '2M', poison: 'page', refs: 'frozen' },
    steps: [...boot(HUGE), touched(0), [{ op: 'poison', offset: 5 * PAGE }, ok]],
    counters: { split_failed: 0, splits_2m: 1, sept_remove: 1, sept_demote: 1, zaps_4k: 1, zaps_2m: 0 },
    pages: [
      { index: 5, poisoned: true, leaf: undefined },
      { index: 6, poisoned: false, leaf: 0 },
    ],
  },
  {
    ...tdx,
    rule: 'accept 4K: the fault it causes maps 4K; a page accepted before is code 255',
    steps: [
      ...boot(HUGE),
      [VALIDATE, yes({ code: 0 })],
      [VALIDATE, yes({ code: 255 })],
      [{ ...VALIDATE, gpa: HUGE }, no('EFAULT', { exit: 'memory-fault' })],
    ],
    counters: { pvalidate: 2, faults_4k: 1, sept_aug: 1, sept_demote: 0, exits: 1 },
    pages: [{ index: 0, leaf: 0, order: 9 }],
  },
  {
    ...tdx,
    rule: 'accept 4K under a 2M leaf: demoted with its accepted flags',
    steps: [
      ...boot(2 * HUGE),
      touched(0),
      [VALIDATE, yes({ code: 0 })],
      [VALIDATE, yes({ code: 255 })],
      [{ ...VALIDATE, gpa: PAGE }, yes({ code: 0 })],
      [{ ...WHOLE, gpa: HUGE }, yes({ code: 0 })],
      [{ ...VALIDATE, gpa: HUGE + PAGE }, yes({ code: 255 })],
    ],
    counters: { sept_demote: 2, pvalidate: 5, faults_2m: 2, faults_4k: 0, psmash: 0 },
  },
  {
    ...tdx,
    rule: 'accept 2M: of a 2M leaf 0, again 255; of a 4K leaf code 6; off its alignment code 1, which does nothing',
    steps: [
      ...boot(2 * HUGE),
      [{ ...WHOLE, gpa: PAGE }, yes({ code: 1 })],
      [WHOLE, yes({ code: 0 })],
      [WHOLE, yes({ code: 255 })],
      [{ ...VALIDATE, gpa: HUGE + 3 * PAGE }, yes({ code: 0 })],
      [{ ...WHOLE, gpa: HUGE }, yes({ code: 6 })],
    ],
    counters: { pvalidate: 4, faults_4k: 2, faults_2m: 1 },
  },
  {
    ...tdx,
    rule: 'what was removed is to be accepted again; a populated page is accepted',
    steps: [
      ...boot(HUGE),
      [{ op: 'populate', gpa: 0, size: PAGE, fill: 1 }, yes({ done: 1 })],
      [FINALIZE, ok],
      [VALIDATE, yes({ code: 255 })],
      [UNBIND, ok],
      [BIND, ok],
      [WHOLE, yes({ code: 0 })],
      [UNBIND, ok],
      [BIND, ok],
      [WHOLE, yes({ code: 0 })],
    ],
    counters: { sept_add: 1, sept_aug: 2, sept_remove: 2 },
  },
];
