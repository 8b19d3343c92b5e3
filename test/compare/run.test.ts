import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, replay } from '../../lib/compare/compare.js';
import { defaultMemoryBytes } from '../../lib/compare/memory.js';
import { isRun, type ResultsDocument, type RunResult, TIMELINE_COLUMNS } from '../../lib/compare/results.js';
import { runStream } from '../../lib/compare/run.js';
import { createBackend, resolveOptions } from '../../lib/engine/create.js';
import { OpBuilder, type OpInput } from '../../lib/ops/builder.js';
import { OpStream } from '../../lib/ops/stream.js';
import { PRESET_NAMES } from '../../lib/policy/presets.js';
import { jsonReport } from '../../lib/report/json.js';
import { guestStream, inputOf } from './streams.js';

const GIB = 2 ** 30;

function only(document: ResultsDocument): RunResult {
  const [result] = document.results;
  assert.ok(result !== undefined && isRun(result));
  return result;
}

/** The document without what is of this machine. */
function simulated(document: ResultsDocument): string {
  const strip = (key: string, value: unknown): unknown => (key === 'host' ? undefined : value);
  return JSON.stringify(document, strip);
}

function backend(): ReturnType<typeof createBackend> {
  const { backend: options } = resolveOptions({ policy: 'rfc-thp', memory: '1GiB', arch: 'snp', contents: false });
  return createBackend('reference', options);
}

test('the same input, options and seed give the same bytes outside host', async () => {
  const stream = guestStream(7, 300);
  for (const engine of ['native', 'reference'] as const) {
    const first = await compare(inputOf(stream), { engine, seed: 3 });
    const second = await compare(inputOf(stream), { engine, seed: 3 });
    assert.equal(simulated(first), simulated(second));
    assert.equal(first.results.length, PRESET_NAMES.length);
  }
});

test('both engines give the same results, timeline and memory map included', async () => {
  const stream = guestStream(8, 300);
  const strip = (document: ResultsDocument): string => simulated(document).replaceAll(/"engine":"\w+"/g, '');
  const native = await compare(inputOf(stream), { engine: 'native' });
  const reference = await compare(inputOf(stream), { engine: 'reference' });
  assert.equal(strip(native), strip(reference));
});

test('one outcome line an op, in order, whatever the chunks', async () => {
  const stream = guestStream(9, 400);
  let lines = '';
  await replay(inputOf(stream), {
    policy: 'mainline-6.18',
    engine: 'reference',
    outcomes: async (more) => {
      lines += more;
      await new Promise(setImmediate);
    },
  });
  const outcomes = lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { i: number; ok: boolean });
  assert.deepEqual(
    outcomes.map((outcome) => outcome.i),
    Array.from({ length: stream.length }, (_, i) => i),
  );
  assert.ok(outcomes.every((outcome) => outcome.ok));
});

test('an outcome that is not ok names its errno, and a fault its values', async () => {
  const builder = new OpBuilder();
  builder.push({ op: 'create', gmem: 0, size: 4096 });
  builder.push({ op: 'create', gmem: 0, size: 4096 });
  builder.push({ op: 'bind', slot: 0, gpa: 0, size: 4096, gmem: 0 });
  builder.push({ op: 'fault', gpa: 0, access: 'private' });
  let lines = '';
  const document = await replay(inputOf(builder.stream), {
    policy: 'mainline-6.18',
    verify: true,
    outcomes: (more) => {
      lines += more;
    },
  });
  assert.deepEqual(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { i: 0, ok: true },
      { i: 1, ok: false, errno: 'EEXIST' },
      { i: 2, ok: true },
      { i: 3, ok: true, pfn: 0, order: 0, level: '4K' },
    ],
  );
  const run = only(document);
  assert.equal(document.schema, 'gmem.replay/1');
  assert.deepEqual(run.counters.errors, { EEXIST: 1 });
  assert.deepEqual(run.violations, []);
});

test('an abort keeps what ran and says so', async () => {
  const stream = guestStream(10, 3000);
  const controller = new AbortController();
  const engine = backend();
  const report = await runStream(engine, stream, {
    signal: controller.signal,
    samples: 50,
    outcomes: () => controller.abort(),
  });
  engine.close();
  assert.ok(report.interrupted);
  assert.ok(report.ops > 0 && report.ops < stream.length, `${report.ops} of ${stream.length}`);
  assert.equal(report.timeline?.rows.at(-1)?.[0], report.ops);
});

test('an interrupted comparison is marked, leaves out what had not started, and stays valid', async () => {
  const stream = guestStream(11, 500);
  const controller = new AbortController();
  const document = await compare(inputOf(stream), {
    engine: 'reference',
    signal: controller.signal,
    onProgress: ({ position }) => {
      if (position === 1) controller.abort();
    },
  });
  assert.equal(document.interrupted, true);
  assert.ok(document.results.length < PRESET_NAMES.length);
  assert.match(jsonReport(document), /"interrupted": true/);
});

test('progress only grows and ends at the stream length', async () => {
  const stream = guestStream(12, 2000);
  const engine = backend();
  const seen: number[] = [];
  await runStream(engine, stream, { onProgress: (done) => seen.push(done) });
  engine.close();
  assert.equal(seen.at(-1), stream.length);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
});

test('an empty stream is a result of zero ops', async () => {
  const run = only(await compare(inputOf(new OpStream()), { policies: ['rfc-thp'] }));
  assert.equal(run.ops, 0);
  assert.equal(run.interrupted, undefined);
  assert.deepEqual(run.memory_map, []);
});

test('a policy the engines cannot run is a refused row, and the others run', async () => {
  const inPlace = { name: 'my-in-place', base: 'rfc-thp', knobs: { conversion: 'in-place' } } as const;
  const document = await compare(inputOf(guestStream(1, 10)), { policies: [inPlace, 'rfc-thp'] });
  const [refused, ran] = document.results;
  assert.ok(refused !== undefined && 'refused' in refused);
  assert.match(refused.refused, /conversion in-place/);
  assert.ok(ran !== undefined && isRun(ran));
});

test('the timeline follows the ops times and its gauges match hand-made states', async () => {
  const builder = new OpBuilder();
  const at = (op: OpInput, t: number): void => {
    builder.push({ ...op, t });
  };
  at({ op: 'create', gmem: 0, size: 8 * 2 ** 20 }, 0);
  at({ op: 'bind', slot: 0, gpa: 0, size: 8 * 2 ** 20, gmem: 0 }, 0);
  at({ op: 'touch', gpa: 0 }, 1000);
  at({ op: 'touch', gpa: 2 ** 21 }, 2000);
  at({ op: 'convert', gpa: 0, size: 4096, to: 'shared' }, 3000);
  at({ op: 'touch', gpa: 0 }, 4000);
  const run = only(await compare(inputOf(builder.stream), { policies: ['rfc-thp'], samples: 4 }));
  const rows = run.timeline?.rows.map((row) =>
    Object.fromEntries(row.map((value, i) => [run.timeline?.columns[i], value])),
  );
  assert.equal(run.timeline?.axis, 't_us');
  assert.deepEqual(
    rows?.map((row) => [row.t_us, row.host_pages, row.gmem_pages, row.shared_copy_pages, row.huge_folio_pages]),
    [
      [0, 0, 0, 0, 0],
      [1000, 512, 512, 0, 512],
      [2000, 1024, 1024, 0, 1024],
      [3000, 1023, 1023, 0, 512],
      // The copy of a 4K page is a whole 2M page: sharedOrder thp.
      [4000, 1535, 1023, 512, 512],
    ],
  );
  assert.equal(run.memory_map?.[0]?.cells, 'mH..');
});

test('the map of a sparse file shows every block that is used, with and without copies', async () => {
  const blocks = 100 * 512; // fewer than the cells of a map
  const used = [0, 77, 4095, 4096, 20_000, blocks - 1];
  for (const copied of [[], [30_000]]) {
    const builder = new OpBuilder();
    builder.push({ op: 'create', gmem: 0, size: blocks * 2 ** 21 });
    builder.push({ op: 'bind', slot: 0, gpa: 0, size: blocks * 2 ** 21, gmem: 0 });
    for (const block of used) builder.push({ op: 'touch', gpa: block * 2 ** 21 });
    for (const block of copied) {
      builder.push({ op: 'convert', gpa: block * 2 ** 21, size: 2 ** 21, to: 'shared' });
      builder.push({ op: 'touch', gpa: block * 2 ** 21 });
    }
    const run = only(await compare(inputOf(builder.stream), { policies: ['rfc-thp'] }));
    const cells = Array.from({ length: blocks }, () => '.');
    for (const block of used) cells[block] = 'H';
    for (const block of copied) cells[block] = 'c';
    assert.equal(run.memory_map?.[0]?.cells, cells.join(''));
  }
});

test('the timeline has metadata by every way to keep it, and what a punch retained', async () => {
  const builder = new OpBuilder();
  const at = (op: OpInput, t: number): void => {
    builder.push({ ...op, t });
  };
  at({ op: 'create', size: GIB }, 0);
  at({ op: 'bind', slot: 0, gpa: 0, size: GIB }, 0);
  at({ op: 'touch', gpa: 0 }, 1000);
  at({ op: 'touch', gpa: 2 ** 21 }, 2000);
  at({ op: 'convert', gpa: 0, size: 4096, to: 'shared' }, 3000);
  at({ op: 'convert', gpa: 0, size: 4096, to: 'private' }, 4000);
  const policies = ['thp-keep', 'hugetlb-2m', 'structless', 'buddy-2m-zero'] as const;
  for (const engine of ['native', 'reference'] as const) {
    const options = { policies, engine, samples: 4, memoryBytes: 4 * GIB };
    const { results } = await compare(inputOf(builder.stream), options);
    const gauges = results.map((result) => {
      assert.ok(isRun(result), result.policy);
      const columns = (['retained_pages', 'metadata_bytes'] as const).map((name) => TIMELINE_COLUMNS.indexOf(name));
      return result.timeline?.rows.map((row) => columns.map((column) => row[column]));
    });
    const whole = 512 * 64;
    assert.deepEqual(gauges, [
      // A struct page for every page held.
      [0, whole, 2 * whole, 2 * whole, 2 * whole].map((bytes) => [0, bytes]),
      // A page of vmemmap for a whole folio, all eight for the one that is split, merged again at the end.
      [0, 4096, 2 * 4096, 4096 + whole, 2 * 4096].map((bytes) => [0, bytes]),
      // Nothing but for the run of 64 pages with a shared one.
      [0, 0, 0, 4096, 0].map((bytes) => [0, bytes]),
      [
        [0, 0],
        [0, whole],
        [0, 2 * whole],
        // The page stays under its shared gfn until it is private again.
        [1, 2 * whole],
        [0, 2 * whole],
      ],
    ]);
  }
});

test('default host memory: twice the files, up to whole GiB, and one more', () => {
  assert.equal(defaultMemoryBytes(0), GIB);
  assert.equal(defaultMemoryBytes(4096), 2 * GIB);
  assert.equal(defaultMemoryBytes(2 * GIB + 4096), 6 * GIB);
  assert.equal(defaultMemoryBytes(6144 * GIB), 12_289 * GIB);
  // No further than a host goes: a pfn is a u32.
  assert.equal(defaultMemoryBytes(2 ** 50), 2 ** 44 - 2 ** 21);
});
