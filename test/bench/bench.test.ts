/**
 * What the benchmarks say, without a clock: the third bar counts what the engines count, figures are found by their names, the
 * table and the page are made from them, and the recorded run still has a figure for every goal.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { performancePage, performancePlot, recordedRun } from '../../bench/page.js';
import { PAIRS } from '../../bench/pairs.js';
import { logTicks, svg } from '../../bench/plot.js';
import { REASONS } from '../../bench/reasons.js';
import { BENCH_SCHEMA, type BenchDocument, figuresOf, type Result } from '../../bench/results.js';
import { BitTree } from '../../bench/same-structures/bit-tree.js';
import { SameStructures } from '../../bench/same-structures/engine.js';
import { BLOCK_BYTES, faults, furnish, scrambled } from '../../bench/streams.js';
import { GOALS, table } from '../../bench/table.js';
import { bytes, duration } from '../../bench/text.js';
import { namesText, parseArguments } from '../../bench/usage.js';
import { createBackend, resolveOptions } from '../../lib/engine/create.js';
import type { OpRecords } from '../../lib/index.js';
import { COUNTER_NAMES } from '../../lib/spec/counters.js';
import { FLAG } from '../../lib/spec/ops.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { Random } from '../support/prng.js';

const MiB = 2 ** 20;

function run(sections: BenchDocument['sections']): BenchDocument {
  const machine = {
    cpu: 'made up',
    cores: 2,
    memory_bytes: 2 ** 34,
    kernel: 'Linux 6.18',
    node: 'v20.17.0',
    simd: 'portable',
    transparent_hugepages: 'madvise',
    load: 0,
  };
  return { schema: BENCH_SCHEMA, date: '2026-01-02T03:04:05.678Z', seconds: 6, machine, sections };
}

function countersBy(counted: { counters(into: Float64Array): void }): Record<string, number> {
  const values = new Float64Array(COUNTER_NAMES.length);
  counted.counters(values);
  return Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, values[i] as number]));
}

for (const { name, policy, arch, stream } of [
  {
    name: '2M folios with RMP, some faulted twice, some not mapped',
    policy: 'rfc-thp',
    arch: 'snp',
    stream: faults(100, (i) => (scrambled(i % 64, 6) % 48) * BLOCK_BYTES + (i % 512) * PAGE_BYTES),
  },
  {
    name: 'prepared and not mapped',
    policy: 'rfc-thp',
    arch: 'snp',
    stream: faults(20, (i) => i * BLOCK_BYTES, FLAG.noMap),
  },
  { name: '4K pages in order', policy: 'mainline-6.18', arch: 'none', stream: faults(3000, (i) => i * PAGE_BYTES) },
  {
    name: '4K pages at random, most of them again',
    policy: 'mainline-6.18',
    arch: 'none',
    stream: faults(9000, (i) => (scrambled(i % 16384, 14) % 7000) * PAGE_BYTES),
  },
] as const) {
  test(`the third bar counts what the engines count: ${name}`, () => {
    const size = 96 * MiB;
    const { backend: options } = resolveOptions({ policy, arch, memory: size, contents: false });
    const records: OpRecords[] = [furnish(size), stream];
    const bar = new SameStructures(options);
    for (const { bytes: packed, length } of records) bar.run(packed, length);
    for (const engine of ['native', 'reference'] as const) {
      const backend = createBackend(engine, options);
      for (const { bytes: packed, length } of records) backend.run(packed, 0, length, null);
      assert.deepEqual(countersBy(bar), countersBy(backend), engine);
      assert.ok((countersBy(backend).pages_cleared as number) > 0);
      backend.close();
    }
  });
}

test('the third bar refuses what it leaves out', () => {
  const { backend: options } = resolveOptions({ policy: 'mainline-6.18', memory: 4 * MiB, contents: false });
  const bar = new SameStructures(options);
  const stream = furnish(4 * MiB);
  bar.run(stream.bytes, stream.length);
  const beyond = faults(1, () => 4 * MiB);
  assert.throws(() => bar.run(beyond.bytes, 1), /not bound/);
  const touch = faults(1, () => 0);
  touch.bytes[0] = 25;
  assert.throws(() => bar.run(touch.bytes, 1));
  assert.throws(() => new SameStructures(resolveOptions({ policy: 'hugetlb-1g', memory: 2 ** 31 }).backend));
});

test('its tree of bits is a set', () => {
  const random = new Random(91);
  for (const capacity of [1, 31, 32, 33, 1024, 40_000]) {
    const tree = new BitTree(capacity);
    const naive = new Set<number>();
    for (let step = 0; step < 2000; step += 1) {
      const member = random.below(capacity);
      if (random.chance(0.5)) {
        tree.set(member);
        naive.add(member);
      } else {
        tree.clear(member);
        naive.delete(member);
      }
      if (step % 16 === 0) assert.equal(tree.first(), naive.size === 0 ? -1 : Math.min(...naive));
    }
  }
});

test('figures by name: medians of every section, engines side by side, how many operations', () => {
  const timing = { median_ns: 2, least_ns: 1, most_ns: 3 };
  const f = figuresOf(
    run({
      core: [
        { name: 'a: b', operations: 10, ...timing },
        { name: 'c', median_bytes: 4096 },
      ],
      pairs: [{ name: 'p', operation: 'op', native: timing, reference: { ...timing, median_ns: 20 } }],
    }),
  );
  assert.equal(f('core/a: b'), 2);
  assert.equal(f('core/a: b (operations)'), 10);
  assert.equal(f('core/c'), 4096);
  assert.equal(f('pairs/p: op (native)'), 2);
  assert.equal(f('pairs/p: op (reference)'), 20);
  assert.equal(f('core/a'), undefined);
});

test('the table: what is reached beside its goal, and by name what has no figure', () => {
  const core: Result[] = [
    { name: 'frames_2m_512g: get, all of them', median_ns: 10 },
    { name: 'clear_2m_resident: 2M folio of the arena', median_ns: 50e3 },
    { name: 'clear_2m_resident: limit: non-temporal stores', median_ns: 40e3 },
    { name: 'clear_2m_resident: memset', median_ns: 80e3 },
    { name: 'boot_2m_512g: 2M fault, ascending', median_ns: 25, operations: 262144 },
  ];
  const { rows, missing } = table(figuresOf(run({ core })));
  const row = (what: string) => rows.find((one) => one.what.startsWith(what));
  assert.deepEqual(
    [row('frames, 2M')?.reached, row('frames, 2M')?.goal, row('frames, 2M')?.part],
    ['10.0 ns', '≤ 5.0 ns', 2],
  );
  assert.deepEqual([row('clear of')?.reached, row('clear of')?.goal], ['80 %', '≥ 90 %']);
  assert.ok((row('clear of')?.part as number) > 1);
  assert.equal(row('boot of 512 GiB by 2M')?.reached, '6.55 ms');
  assert.equal(rows.length, 4);
  assert.equal(rows.length + missing.length, GOALS.length);
  assert.equal(new Set(GOALS.map(({ what }) => what)).size, GOALS.length, 'a row has a name of its own');
});

test('page and plot: the same bytes for the same run, also for one without figures', () => {
  const empty = run({});
  assert.equal(performancePage(empty), performancePage(empty));
  assert.match(performancePage(empty), /No figure in this run.*frames, 2M/);
  const recorded = recordedRun();
  assert.match(performancePlot(recorded), /^<svg [^>]*>\n<title>/);
  assert.doesNotMatch(performancePage(recorded) + performancePlot(recorded), /NaN|undefined|Infinity/);
});

test('every reason is of a goal', () => {
  for (const what of Object.keys(REASONS))
    assert.ok(
      GOALS.some((goal) => goal.what === what),
      what,
    );
});

test('the recorded run has a figure for every goal', () => {
  assert.deepEqual(table(figuresOf(recordedRun())).missing, []);
});

test('a plot puts figures where they belong', () => {
  const text = svg({
    title: 'a < b',
    xTicks: [
      [1, 'one'],
      [100, 'hundred'],
    ],
    yTicks: logTicks([3, 700], String),
    yTitle: 'y',
    lines: [
      {
        name: 'line',
        points: [
          [1, 2],
          [10, 2],
          [100, 1000],
        ],
      },
    ],
  });
  assert.match(text, /a &lt; b/);
  const circles = [...text.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
  const [first, middle, last] = circles as [number[], number[], number[]];
  assert.equal(
    (middle[0] as number) * 2,
    (first[0] as number) + (last[0] as number),
    'ten is half way from one to a hundred',
  );
  assert.equal(first[1], middle[1]);
  assert.ok((last[1] as number) < (first[1] as number), 'more is higher up');
  assert.deepEqual(
    logTicks([3, 700], String).map(([value]) => value),
    [2, 5, 10, 20, 50, 100, 200, 500, 1000],
  );
});

test('figures as text', () => {
  assert.deepEqual([0.0172, 4.23, 123.4, 12345, 1234567, 2.5e9].map(duration), [
    '0.017 ns',
    '4.2 ns',
    '123 ns',
    '12.3 us',
    '1.23 ms',
    '2.50 s',
  ]);
  assert.deepEqual([0, 1023, 1536, 8 * MiB, 2 ** 42].map(bytes), ['0 B', '1023 B', '1.50 KiB', '8.00 MiB', '4.00 TiB']);
});

const BENCH = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [BENCH, ...args], { encoding: 'utf8' });
}

test('--help: the usage and every name there is, exit code 0', () => {
  const { status, stdout, stderr } = bench('--help');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^Usage: npm run bench /);
  assert.match(stdout, /--write-docs/);
  for (const name of [...PAIRS.map((pair) => pair.name), 'peers', 'border', 'replay']) {
    assert.ok(stdout.includes(`\n  ${name}\n`), name);
  }
  assert.match(stdout, /of the core, C\+\+ alone:\n {2}(\w+\n|.*gmem_core_bench --list)/);
});

test('what the benchmarks do not take: one line with what they do, exit code 2', () => {
  for (const [args, message] of [
    [['--nonsense'], /^bench: unknown option --nonsense\. Accepted: --write-docs, --help\n$/],
    [['--write-doc'], /^bench: unknown option --write-doc, did you mean "--write-docs"\? Accepted/],
    [['--write-docs=x'], /^bench: --write-docs: takes no value\n$/],
    [['border', '--write-docs'], /^bench: --write-docs takes a whole run, no NAME\n$/],
  ] as const) {
    const { status, stdout, stderr } = bench(...args);
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, message);
  }
  assert.deepEqual(parseArguments(['a', 'b']), { parts: ['a', 'b'], writeDocs: false, help: false });
});

test('names: those of the core, or how to see them', () => {
  const all = namesText(['pair'], ['one', 'two']);
  assert.equal(all, 'from JavaScript:\n  pair\nof the core, C++ alone:\n  one\n  two\n');
  assert.match(namesText(['pair'], undefined), /npm run bench builds it, and build\/Release\/gmem_core_bench --list/);
});
