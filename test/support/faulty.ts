/**
 * Backends with one deliberate fault each, to prove that the differential harness sees such faults and makes them small.
 * A fault sits between the harness and a sound backend: it changes an op on its way in, or an answer on its way out.
 */
import type { Backend } from '../../lib/engine/backend.js';
import { OutcomeRecords } from '../../lib/ops/outcomes.js';
import { OpRecords, type RecordFields } from '../../lib/ops/records.js';
import { COUNTER_NAMES, type CounterName } from '../../lib/spec/counters.js';
import { ERRNOS } from '../../lib/spec/errnos.js';
import { FLAG } from '../../lib/spec/ops.js';
import { OUTCOME_BYTES } from '../../lib/spec/outcomes.js';
import { PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import type { Engine } from './differential.js';
import { nameOf, recordsOf } from './ops.js';

/** One outcome, to be changed in place through the record. */
interface Answer {
  fields: RecordFields;
  outcomes: OutcomeRecords;
}

/** Each hook may keep state in `seen`; one map a backend. */
export interface Fault {
  readonly name: string;
  /** What reaches the sound backend in place of `fields`; null: nothing does, and the op succeeds. */
  readonly before?: (fields: RecordFields) => RecordFields | null;
  /** Sees, and may overwrite, the one outcome in `answer.outcomes`. */
  readonly after?: (answer: Answer, seen: Map<string, number>) => void;
  readonly counter?: (name: CounterName, value: number) => number;
  readonly bits?: (bits: number, page: number) => number;
  readonly pages?: (pages: number) => number;
  readonly verify?: (seen: Map<string, number>) => string[];
}

function note(seen: Map<string, number>, key: string): void {
  seen.set(key, (seen.get(key) ?? 0) + 1);
}

function errnoInstead(name: string, from: number, to: number): Fault['after'] {
  return ({ fields, outcomes }) => {
    if (nameOf(fields) === name && outcomes.errno(0) === from) outcomes.write(0, to, 0, 0, []);
  };
}

/** The faults: what a wrong engine could plausibly do. */
export const FAULTS: readonly Fault[] = [
  { name: 'create on an open id answers EINVAL', after: errnoInstead('create', ERRNOS.EEXIST, ERRNOS.EINVAL) },
  {
    name: 'bind of an overlapping gfn range answers EINVAL',
    after: errnoInstead('bind', ERRNOS.EEXIST, ERRNOS.EINVAL),
  },
  {
    name: 'a populate of a prepared page answers EINVAL',
    after: errnoInstead('populate', ERRNOS.EEXIST, ERRNOS.EINVAL),
  },
  { name: 'an unpin without a pin succeeds', after: errnoInstead('unpin', ERRNOS.EINVAL, 0) },
  {
    name: 'punch leaves the last page',
    before: (fields) => {
      const shorter = nameOf(fields) === 'punch' && fields.size > PAGE_BYTES && fields.size % PAGE_BYTES === 0;
      return shorter ? { ...fields, size: fields.size - PAGE_BYTES } : fields;
    },
  },
  {
    name: 'convert goes one page too far',
    before: (fields) => {
      const longer = nameOf(fields) === 'convert' && fields.size > PAGE_BYTES && fields.size % PAGE_BYTES === 0;
      return longer ? { ...fields, size: fields.size + PAGE_BYTES } : fields;
    },
  },
  {
    name: 'a slot is not deleted',
    before: (fields) => (nameOf(fields) === 'bind' && fields.size === 0 ? null : fields),
  },
  {
    name: 'a fault with map:false installs a leaf',
    before: (fields) => (nameOf(fields) === 'fault' ? { ...fields, flags: fields.flags & ~FLAG.noMap } : fields),
  },
  {
    name: 'a mark is lost on the last page of a block',
    bits: (bits, page) => (page % 512 === 511 ? bits & ~PAGE_BIT.prepared : bits),
  },
  { name: 'a count leaves out a page', pages: (pages) => Math.max(0, pages - 1) },
  { name: 'a page view forgets shared copies of 2M', bits: (bits) => bits & ~PAGE_BIT.sharedCopy2m },
  {
    name: 'a byte leaks once something was punched',
    after: ({ fields, outcomes }, seen) => {
      if (nameOf(fields) === 'punch' && outcomes.value(0, 0) > 0) note(seen, 'punched');
      const read = nameOf(fields) === 'guest-read' && outcomes.errno(0) === 0 && outcomes.has(0) === 1;
      if (read && seen.has('punched')) outcomes.write(0, 0, 0, 1, [outcomes.value(0, 0) ^ 0x5a]);
    },
  },
  {
    name: 'the counter of 2M splits is stale',
    counter: (name, value) => (name === 'splits_2m' ? Math.max(0, value - 1) : value),
  },
  {
    name: 'a peak is an end value',
    counter: (name, value) => (name === 'stranded_pages_end' && value > 100 ? value - 1 : value),
  },
  {
    name: 'an invariant breaks after a poison',
    after: ({ fields, outcomes }, seen) => {
      if (nameOf(fields) === 'poison' && outcomes.errno(0) === 0) note(seen, 'poisoned');
    },
    verify: (seen) => (seen.has('poisoned') ? ['a poisoned frame is free'] : []),
  },
  {
    name: 'a merge of a pinned block throws',
    after: ({ fields, outcomes }) => {
      if (nameOf(fields) === 'merge' && outcomes.errno(0) === ERRNOS.EAGAIN)
        throw new Error('unreachable state in merge');
    },
  },
];

/** `engine` with one fault in it. */
export function withFault(engine: Engine, fault: Fault): Engine {
  return { name: `${engine.name} where ${fault.name}`, create: (options) => faulty(engine.create(options), fault) };
}

function faulty(sound: Backend, fault: Fault): Backend {
  const seen = new Map<string, number>();
  return {
    kind: sound.kind,
    knownPageBits: sound.knownPageBits,
    run(records, first, count, outcomes) {
      const all = OpRecords.from(records);
      for (let i = 0; i < count; i += 1) {
        const fields = all.read(first + i);
        const passed = fault.before === undefined ? fields : fault.before(fields);
        const answer = new OutcomeRecords(1);
        if (passed !== null) sound.run(recordsOf([passed]).bytes, 0, 1, answer.bytes);
        fault.after?.({ fields, outcomes: answer }, seen);
        outcomes?.set(answer.bytes, i * OUTCOME_BYTES);
      }
    },
    counters(into) {
      sound.counters(into);
      COUNTER_NAMES.forEach((name, i) => {
        into[i] = fault.counter?.(name, into[i] as number) ?? (into[i] as number);
      });
    },
    errors: (into) => sound.errors(into),
    pageView(gmem, first, count, into) {
      const open = sound.pageView(gmem, first, count, into);
      for (let page = 0; open && page < count; page += 1) {
        const at = page * PAGE_VIEW_WORDS + PAGE_VIEW.bits;
        into[at] = fault.bits?.(into[at] as number, first + page) ?? (into[at] as number);
      }
      return open;
    },
    countPages: (gmem, first, count, query) => {
      const pages = sound.countPages(gmem, first, count, query);
      return fault.pages?.(pages) ?? pages;
    },
    fileSize: (gmem) => sound.fileSize(gmem),
    verify: () => [...sound.verify(), ...(fault.verify?.(seen) ?? [])],
    host: () => sound.host(),
    close: () => sound.close(),
  };
}
