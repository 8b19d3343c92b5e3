/**
 * What crossing between JavaScript and the native engine costs: one op a call by every way there is, many ops a call, and
 * page views by the size of their window. docs/border.md says what crosses, and why.
 */

import { createBackend, resolveOptions } from '../lib/engine/create.js';
import { mailboxOf } from '../lib/engine/mailbox.js';
import { createEngine, FLAG, OP_KIND, OpRecords, OutcomeRecords } from '../lib/index.js';
import { OUTCOME_BYTES } from '../lib/spec/outcomes.js';
import { PAGE_VIEW_WORDS } from '../lib/spec/page-view.js';
import { PAGE_BYTES } from '../lib/spec/units.js';
import { measure, type Timing } from './measure.js';
import { faults, furnish, GiB } from './streams.js';

export interface BorderResult extends Timing {
  readonly name: string;
  readonly operation: string;
  /** Against the batch without outcomes, medians. */
  readonly ratio: number;
}

const PAGES = 4096;
/** Operations of an iteration, less than a time slice of a scheduler, and iterations: `least` is then free of other programs. */
const OPERATIONS = 2 ** 15;
const ITERATIONS = 101;
const SMALL_WINDOW = 512;
const LARGE_WINDOW = 2 ** 15;

/** Refaults of mapped pages within 16 MiB, so that the op itself is cheap; page views of 128 MiB, a page an operation. */
export async function runBorder(): Promise<BorderResult[]> {
  const options = { policy: 'mainline-6.18', memory: GiB, contents: false } as const;
  const engine = createEngine(options);
  const backend = createBackend('native', resolveOptions(options).backend);
  const setup = furnish(GiB);
  const stream = faults(OPERATIONS, (i) => (i % PAGES) * PAGE_BYTES);
  backend.run(setup.bytes, 0, setup.length, null);
  await engine.run(setup);
  await engine.run(stream);
  const outcomes = new OutcomeRecords(OPERATIONS);
  const one = outcomes.bytes.subarray(0, OUTCOME_BYTES);
  const { fault } = OP_KIND;
  const vm = engine.vm(0);
  const stepper = engine.stepper();
  const mailbox = mailboxOf(backend);
  const record = OpRecords.over(mailbox.record);
  record.append(fault, FLAG.private, 0, 0, 0, 0, 0, 0, 0);
  const words = new Uint32Array(LARGE_WINDOW * PAGE_VIEW_WORDS);
  const view = engine.pages(0);
  let seen = 0;
  const windows = (pages: number) => {
    for (let first = 0; first < OPERATIONS; first += pages) backend.pageView(0, first, pages, words);
  };
  const subjects = [
    {
      name: 'batch',
      operation: 'op of a batch, outcomes not kept',
      work: () => backend.run(stream.bytes, 0, OPERATIONS, null),
    },
    {
      name: 'batch-outcomes',
      operation: 'op of a batch, outcomes kept',
      work: () => backend.run(stream.bytes, 0, OPERATIONS, outcomes.bytes),
    },
    {
      name: 'mailbox',
      operation: 'step of the op in the mailbox',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) mailbox.step();
      },
    },
    {
      name: 'stepper',
      operation: 'Stepper.step with fields, checked; errno read',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) {
          seen += stepper.step(fault, FLAG.private, 0, 0, 0, 0, (i % PAGES) * PAGE_BYTES, 0, 0);
        }
      },
    },
    {
      name: 'stepper-value',
      operation: 'the same, and the pfn of its outcome read',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) {
          stepper.step(fault, FLAG.private, 0, 0, 0, 0, (i % PAGES) * PAGE_BYTES, 0, 0);
          seen += stepper.value(0) ?? 0;
        }
      },
    },
    {
      name: 'touch',
      operation: 'Vm.touch of an object, outcome an object',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) vm.touch({ gpa: (i % PAGES) * PAGE_BYTES });
      },
    },
    {
      name: 'single-object',
      operation: 'Engine.apply of a fault, outcome with pfn, order, level',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) {
          engine.apply({ op: 'fault', vm: 0, gpa: (i % PAGES) * PAGE_BYTES, access: 'private', write: false });
        }
      },
    },
    {
      name: 'single-record',
      operation: 'run of one record out of an array, outcome copied out',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) backend.run(stream.bytes, i, 1, one);
      },
    },
    {
      name: 'empty-call',
      operation: 'call that looks one id up and returns a number',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) backend.fileSize(1);
      },
    },
    { name: 'view-small', operation: 'page of a view of 2 MiB', work: () => windows(SMALL_WINDOW) },
    { name: 'view-large', operation: 'page of a view of 128 MiB', work: () => windows(LARGE_WINDOW) },
    {
      name: 'view-read',
      operation: 'page of a view in JavaScript: one flag',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) if (view.has(i, 'prepared')) seen += 1;
      },
    },
  ];
  try {
    const timings = await measure(subjects, OPERATIONS, ITERATIONS);
    if (!(seen > 0)) throw new Error('the border bench saw no page');
    const batch = timings[0] as Timing;
    return subjects.map(({ name, operation }, i) => {
      const timing = timings[i] as Timing;
      return { name, operation, ...timing, ratio: timing.median_ns / batch.median_ns };
    });
  } finally {
    backend.close();
    engine.close();
  }
}
