/**
 * Native against reference, and for bare faults against native's own data structures in JavaScript: the same records, from the
 * same state, and in the end the same counters; a figure of engines that did different work would be none.
 */
import assert from 'node:assert/strict';
import type { Backend, BackendOptions } from '../lib/engine/backend.js';
import { createBackend, resolveOptions } from '../lib/engine/create.js';
import type { EngineOptions, OpRecords, PresetName } from '../lib/index.js';
import { COUNTER_NAMES } from '../lib/spec/counters.js';
import { FLAG, RECORD_BYTES } from '../lib/spec/ops.js';
import { PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS, pageQuery } from '../lib/spec/page-view.js';
import { PAGE_BYTES } from '../lib/spec/units.js';
import { measure, type Timing } from './measure.js';
import { SameStructures } from './same-structures/engine.js';
import { BLOCK_BYTES, converts, faults, furnish, GiB, punches, scrambled } from './streams.js';

type Runs = Pick<Backend, 'run' | 'counters' | 'errors' | 'close'>;
type Work = (backend: Backend) => void;

interface Pair {
  readonly name: string;
  readonly policy: PresetName;
  readonly arch: NonNullable<EngineOptions['arch']>;
  readonly bytes: number;
  /** What one operation is. */
  readonly operation: string;
  readonly operations: number;
  readonly iterations: number;
  /** Faults only, so that the third bar can run it. */
  readonly bareFaults?: true;
  /** Made once; the records of both engines. */
  readonly streams: () => { readonly before: readonly OpRecords[]; readonly work: Work };
}

export interface PairResult {
  readonly name: string;
  readonly operation: string;
  readonly operations: number;
  readonly native: Timing;
  readonly reference: Timing;
  /** Native's data structures in JavaScript (same-structures/engine.ts). */
  readonly same_structures?: Timing;
  /** Medians: how many times the reference takes as long. */
  readonly ratio: number;
}

const run =
  (records: OpRecords): Work =>
  (backend) =>
    backend.run(records.bytes, 0, records.length, null);

const VIEW_PAGES = 2 ** 16;

/** Counts the prepared pages of file 0 through page views, window by window. */
function countPrepared(pages: number): Work {
  const words = new Uint32Array(VIEW_PAGES * PAGE_VIEW_WORDS);
  return (backend) => {
    let prepared = 0;
    for (let first = 0; first < pages; first += VIEW_PAGES) {
      assert.ok(backend.pageView(0, first, VIEW_PAGES, words));
      for (let i = PAGE_VIEW.bits; i < words.length; i += PAGE_VIEW_WORDS) {
        if (((words[i] as number) & PAGE_BIT.prepared) !== 0) prepared += 1;
      }
    }
    assert.equal(prepared, pages);
  };
}

const blocks = (bytes: number) => bytes / BLOCK_BYTES;
const pages = (bytes: number) => bytes / PAGE_BYTES;
const inBlocks = (count: number) => faults(count, (i) => i * BLOCK_BYTES);
const inPages = (count: number) => faults(count, (i) => i * PAGE_BYTES);
const blockBits = (bytes: number) => Math.log2(blocks(bytes));
const pageBits = (bytes: number) => Math.log2(pages(bytes));
const prepareOnly = (bytes: number) =>
  faults(blocks(bytes), (i) => scrambled(i, blockBits(bytes)) * BLOCK_BYTES, FLAG.noMap);

const SNP_2M = { policy: 'rfc-thp', arch: 'snp', iterations: 5 } as const;
const PLAIN_4K = { policy: 'mainline-6.18', arch: 'none', iterations: 5 } as const;

function boot2m(name: string, bytes: number, iterations: number): Pair {
  const operations = blocks(bytes);
  const streams = () => ({ before: [], work: run(inBlocks(operations)) });
  return { ...SNP_2M, name, bytes, operation: '2M fault', operations, iterations, streams, bareFaults: true };
}

export const PAIRS: readonly Pair[] = [
  boot2m('boot-2m-64g', 64 * GiB, 3),
  boot2m('boot-2m-512g', 512 * GiB, 1),
  {
    ...PLAIN_4K,
    name: 'boot-4k-4g',
    bytes: 4 * GiB,
    operation: '4K fault, ascending',
    bareFaults: true,
    operations: pages(4 * GiB),
    streams: () => ({ before: [], work: run(inPages(pages(4 * GiB))) }),
  },
  {
    ...PLAIN_4K,
    name: 'fault-4k-random',
    bytes: 4 * GiB,
    operation: '4K fault, random over 4 GiB',
    bareFaults: true,
    operations: 2 ** 18,
    streams: () => ({
      before: [],
      work: run(faults(2 ** 18, (i) => scrambled(i, pageBits(4 * GiB)) * PAGE_BYTES)),
    }),
  },
  {
    ...PLAIN_4K,
    name: 'refault-4k-hot',
    bytes: GiB,
    operation: 'refault within 16 MiB',
    bareFaults: true,
    operations: 2 ** 20,
    streams: () => ({
      before: [inPages(4096)],
      work: run(faults(2 ** 20, (i) => (i % 4096) * PAGE_BYTES)),
    }),
  },
  {
    ...PLAIN_4K,
    name: 'refault-4k-random',
    bytes: 4 * GiB,
    operation: 'refault, random over 4 GiB',
    bareFaults: true,
    operations: 2 ** 20,
    streams: () => ({
      before: [inPages(pages(4 * GiB))],
      work: run(faults(2 ** 20, (i) => scrambled(i, pageBits(4 * GiB)) * PAGE_BYTES)),
    }),
  },
  {
    ...SNP_2M,
    name: 'convert-4k',
    bytes: GiB,
    operation: 'convert of one 4K page to shared and back, mapped 2M folios',
    operations: 2 * blocks(GiB) * 64,
    streams: () => ({
      before: [inBlocks(blocks(GiB))],
      work: run(converts(2 * blocks(GiB) * 64, (i) => i * 8 * PAGE_BYTES, PAGE_BYTES, true)),
    }),
  },
  {
    ...SNP_2M,
    name: 'convert-2m',
    bytes: 16 * GiB,
    operation: 'convert of a mapped 2M folio to shared',
    operations: blocks(16 * GiB),
    streams: () => ({
      before: [inBlocks(blocks(16 * GiB))],
      work: run(converts(blocks(16 * GiB), (i) => i * BLOCK_BYTES, BLOCK_BYTES, false)),
    }),
  },
  {
    ...SNP_2M,
    name: 'prepared-set',
    bytes: 16 * GiB,
    operation: 'prepare of 512 pages, unmapped, random',
    operations: blocks(16 * GiB),
    streams: () => ({ before: [], work: run(prepareOnly(16 * GiB)) }),
  },
  {
    ...SNP_2M,
    name: 'prepared-test',
    bytes: 16 * GiB,
    operation: 'the same of 512 prepared pages',
    operations: blocks(16 * GiB),
    streams: () => ({ before: [prepareOnly(16 * GiB)], work: run(prepareOnly(16 * GiB)) }),
  },
  {
    ...SNP_2M,
    name: 'prepared-scan',
    bytes: 16 * GiB,
    operation: 'page seen through page views and counted',
    operations: pages(16 * GiB),
    streams: () => ({ before: [prepareOnly(16 * GiB)], work: countPrepared(pages(16 * GiB)) }),
  },
  {
    ...SNP_2M,
    name: 'count-mixed-16g',
    iterations: 3,
    bytes: 16 * GiB,
    operation: 'page counted, mixed blocks',
    operations: pages(16 * GiB),
    streams: () => ({
      before: [prepareOnly(16 * GiB), punches(blocks(16 * GiB), (i) => i * BLOCK_BYTES + (i % 512) * PAGE_BYTES)],
      work: (backend) => {
        const counted = backend.countPages(0, 0, pages(16 * GiB), pageQuery(['prepared']));
        assert.equal(counted, pages(16 * GiB) - blocks(16 * GiB));
      },
    }),
  },
];

/** The third bar in the place of a backend; nothing is ever refused there. */
function sameStructures(options: BackendOptions): Runs {
  const engine = new SameStructures(options);
  return {
    run: (records, first, count) => engine.run(records.subarray(first * RECORD_BYTES), count),
    counters: (into) => engine.counters(into),
    errors: (into) => void into.fill(0),
    close: () => undefined,
  };
}

/** Every counter, then every errno count. */
function figures(backend: Runs): Float64Array {
  const values = new Float64Array(COUNTER_NAMES.length + 256);
  backend.counters(values.subarray(0, COUNTER_NAMES.length));
  backend.errors(values.subarray(COUNTER_NAMES.length));
  return values;
}

/**
 * Times one pair.
 *
 * @throws AssertionError when the engines' counters differ, or an op was refused.
 */
export async function runPair(pair: Pair): Promise<PairResult> {
  const { before, work } = pair.streams();
  const setup = [furnish(pair.bytes), ...before];
  const seen: Float64Array[] = [];
  const engines = ['native', 'reference', ...(pair.bareFaults ? (['same-structures'] as const) : [])] as const;
  const furnished = (fresh: Backend): Backend => {
    for (const records of setup) run(records)(fresh);
    return fresh;
  };
  const subjects = engines.map((engine) => {
    const options = resolveOptions({
      policy: pair.policy,
      arch: pair.arch,
      memory: pair.bytes,
      contents: false,
    });
    let backend: Backend;
    return {
      name: engine,
      before: () => {
        globalThis.gc?.(); // what the last engine left is not collected on this one's time
        if (engine === 'same-structures') {
          // Faults ask for `run` alone. A collection throws optimized code away with the last engine, so that this bar, short as it
          // is, would mostly be a figure of the compiler: it gets an untimed engine first.
          work(furnished(sameStructures(options.backend) as Backend));
          backend = furnished(sameStructures(options.backend) as Backend);
        } else {
          backend = furnished(createBackend(engine, options.backend));
        }
      },
      work: () => work(backend),
      after: () => {
        seen.push(figures(backend));
        backend.close();
      },
    };
  });
  const [native, reference, same] = await measure(subjects, pair.operations, pair.iterations);
  for (const values of seen) {
    assert.deepEqual(values, seen[0], `${pair.name}: the engines' counters differ`);
    assert.ok(
      values.subarray(COUNTER_NAMES.length).every((n) => n === 0),
      `${pair.name}: ops were refused`,
    );
  }
  assert.ok(native !== undefined && reference !== undefined);
  const { name, operation, operations } = pair;
  const third = same === undefined ? {} : { same_structures: same };
  return { name, operation, operations, native, reference, ...third, ratio: reference.median_ns / native.median_ns };
}
