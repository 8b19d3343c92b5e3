/**
 * What crossing between JavaScript and the native engine costs: an empty call, one op a call by three ways, many ops a call.
 */

import { createBackend, resolveOptions } from '../lib/engine/create.js';
import { createEngine, OutcomeRecords } from '../lib/index.js';
import { OUTCOME_BYTES } from '../lib/spec/outcomes.js';
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
const OPERATIONS = 2 ** 18;

/** Refaults of mapped pages within 16 MiB, so that the op itself is cheap. */
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
      name: 'single-record',
      operation: 'call with one record through the mailbox',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) backend.run(stream.bytes, i, 1, one);
      },
    },
    {
      name: 'single-object',
      operation: 'Engine.apply of an op object, outcome decoded',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) {
          engine.apply({ op: 'fault', vm: 0, gpa: (i % PAGES) * PAGE_BYTES, access: 'private', write: false });
        }
      },
    },
    {
      name: 'empty-call',
      operation: 'call that looks one id up and returns a number',
      work: () => {
        for (let i = 0; i < OPERATIONS; i += 1) backend.fileSize(1);
      },
    },
  ];
  try {
    const timings = await measure(subjects, OPERATIONS, 7);
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
