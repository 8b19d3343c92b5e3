/**
 * docs/performance.md, its plot and the JSON they are made of, from the document of one whole run. Same document, same bytes:
 * tools/performance-doc.mjs checks that.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SIMD_PATHS } from '../lib/spec/simd.js';
import { type Line, logTicks, svg } from './plot.js';
import { REASONS } from './reasons.js';
import { BENCH_SCHEMA, type BenchDocument, type Figures, figuresOf, type Result } from './results.js';
import { SIZES, sizeName, type TableRow, table, YARDSTICKS } from './table.js';
import { bytes, duration } from './text.js';

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));
const JSON_FILE = 'performance.json';

/** What is drawn and tabled over the size of the guest. */
const OVER_SIZE = [
  ['2M fault, in order', 'boot_2m', '2M fault, ascending'],
  ['2M fault, random', 'boot_2m', '2M fault, random'],
  ['2M refault, in order', 'boot_2m', '2M refault, ascending'],
  ['2M refault, random', 'boot_2m', '2M refault, random'],
  ['4K fault, in order', 'pages_4k', '4K fault, ascending'],
  ['4K fault, random', 'pages_4k', '4K fault, random over the guest'],
  ['4K refault, random', 'pages_4k', '4K refault, random over the guest'],
] as const;

/** Load average up to which a machine counts as quiet. */
const QUIET_LOAD = 0.5;
const NOT_QUIET = `
**Not a quiet machine.** Other programs ran beside this run: its times are up to several times those of a quiet one, and what shares
the memory shares its bandwidth. Ratios hold better, since both sides of each were measured in turn.
`;

const sizeText = (gib: number) => (gib >= 1024 ? `${gib / 1024} TiB` : `${gib} GiB`);
const cell = (ns: number | undefined) => (ns === undefined ? '' : duration(ns));
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const times = (ratio: number) => `${ratio.toFixed(ratio < 10 ? 1 : 0)}x`;

function yardsticks(f: Figures): string {
  const rows = YARDSTICKS.flatMap(({ what, id, there_ns }) => {
    const here = f(id);
    return here === undefined ? [] : [row([what, duration(here), duration(there_ns), times(here / there_ns)])];
  });
  return rows.join('\n');
}

/** The page. */
export function performancePage(document: BenchDocument): string {
  const f = figuresOf(document);
  const { machine, date, seconds, sections } = document;
  const { rows, missing } = table(f);
  return `# Performance

<!-- Written by npm run bench -- --write-docs, from ${JSON_FILE}: node tools/performance-doc.mjs --write -->

Every figure here that is not said to be from elsewhere, but for that of the last paragraph, is of one run: ${date.slice(0, 16).replace('T', ' ')} UTC, ${seconds} s, ${machine.cpu}, ${machine.cores} CPUs,
${bytes(machine.memory_bytes)}, ${machine.kernel}, Node ${machine.node}, THP ${machine.transparent_hugepages}, scans by \`${machine.simd}\`, load
average ${machine.load} when it began. Medians; all of them, with the least and the most, are in [${JSON_FILE}](${JSON_FILE}).
Times are this machine's and drift; ratios of one run travel. \`npm run bench\` repeats it, \`npm run bench -- NAME\` a part of it.
${machine.load < QUIET_LOAD ? '' : NOT_QUIET}
**What was resident.** The engines of these benchmarks hold no page contents (\`contents: false\`): a fault is everything but the
guest's bytes. Metadata is met for the first time in every repetition, since each has an engine of its own: first touch is in the
figures of faults and boots. The clear is of 1 GiB held resident throughout. What the operating system counts as resident is in the
table of sizes.

## Goals

*of goal*: the figure in parts of its goal; up to 1 it is reached. *In the same run*: measured beside it, with how many times the
figure it takes. *Elsewhere*: published, or measured before on such a machine; never in this run.

| what | reached | goal | of goal | in the same run | elsewhere |
|---|---|---|---|---|---|
${rows.map(({ what, reached, goal, part, beside, elsewhere }) => row([what, reached, goal, part.toFixed(2), beside, elsewhere])).join('\n')}
${reasons(rows)}${missing.length === 0 ? '' : `\nNo figure in this run, because the benchmark does not exist or this CPU lacks the path: ${missing.join('; ')}.\n`}
The goals are times of one machine. How far this one is from it, by what both were measured with and the engine has no part in:

| without the engine | in this run | where the goals were set | here of there |
|---|---|---|---|
${yardsticks(f)}

## From 16 GiB to 4 TiB

The same ops (\`fault\`, one a folio) on guests of six sizes, arch snp by 2M, arch none by 4K (2^20 pages, in order from the middle of the guest, or spread over
all of it). In order nothing that an op looks at grows with the guest; what differs is first touch: a table of 1 MiB and more (a word of
4 bytes a block in the file, of 8 in the RMP: from 512 and from 256 GiB on) becomes resident by huge pages of the machine, a smaller one by single pages, each of which costs the kernel about
as much as forty faults cost the engine. At random it is bounded by the misses: a block word,
a line or an RMP word, each a line of the cache that is not there, and beyond some size the translation of its address
with it; nothing is searched that grows with the guest but trees of 64 ways. Memory of the machine: ${bytes(machine.memory_bytes)}.

| guest | boot by 2M | resident after it | ${OVER_SIZE.map(([name]) => name).join(' | ')} |
|---|---|---|${OVER_SIZE.map(() => '---|').join('')}
${SIZES.map((gib) => sizeRow(f, gib)).join('\n')}

![cost of an op over the size of the guest](performance.svg)

## What native adds, and what data structures add

The reference engine is written to be right, not fast, so native against it says two things at once. The third bar
(bench/same-structures) takes them apart: native's data structures (a word a 2M block, lines of bits, a tree of free blocks, an RMP
word a block) in JavaScript, for bare faults only, with the same counters on the same records, checked. It leaves out everything
else: other ops, designs, several VMs and files, shared pages, pins, poison, 4K RMP entries, fallback, freeing, contents, outcomes,
verify, page views, locks.

| op | native | same structures in JS | reference | structures add | native adds |
|---|---|---|---|---|---|
${thirdBar(sections.pairs ?? [])}

A bare fault of a warm structure is a dozen loads and stores: there JavaScript takes about as long as native, and less where what it
leaves out is what costs. (Its compiler is given an untimed engine first; a short run without that is mostly a figure of the compiler.)
What native adds is not in that row: page contents in real memory, threads, scans by vectors (below), no garbage collector, misses
of random ops that overlap, guests of TiB, and all of the semantics at that price.

## 2^27 pages as bits

512 GiB of 4K pages, a bit each, all but one of each 512 set, in one process: bitmaps in JavaScript, and \`engine.count\` for as
many pages of a file. roaring is CRoaring in WebAssembly; its native binding downloads a binary when installed, which this project
does not do.

| what | ${peerNames(sections.peers ?? []).join(' | ')} |
|---|${peerNames(sections.peers ?? [])
    .map(() => '---|')
    .join('')}
${peerRows(sections.peers ?? [])}

The engine's own map alone, in C++: a block of 512 set in ${cell(f('core/prepared_512g_uniform: set 512, random'))} where blocks are uniform and
${cell(f('core/prepared_512g_mixed: set 511 of 512, random'))} where each has a line, tested in ${cell(f('core/prepared_512g_uniform: test 512, random'))} and
${cell(f('core/prepared_512g_mixed: test 512, random'))}, one page tested in ${cell(f('core/prepared_512g_mixed: test one, random'))}.

## Scans by instruction set

Scans are dispatched once a loop, when an engine is created: \`simd: 'portable' | 'avx2' | 'avx512'\` or \`GMEM_SIMD\` forces a path,
\`engine.host()\` says which runs. All give equal results (native/test/simd_test.cc).

| count of prepared pages, 512 GiB | ${SIMD_PATHS.join(' | ')} |
|---|${SIMD_PATHS.map(() => '---|').join('')}
${scanRows(f)}

With several files the lines are not the file's alone and are gathered by block words in guest order: ${cell(f('core/prepared_512g_mixed: count all, lines gathered (one operation)'))} for
the mixed map with its lines in random order, by the widest path.

The batch loop itself (\`Engine::run\`) is not compiled a second time for newer CPUs. Tried with all of native/core built for
x86-64-v3 against the baseline, both in turn, the least of twelve: ${V3}. Below 5 % a
second copy of the engine is not worth its size and its tests.
`;
}

/** Measured by hand, once: nothing of it is in the JSON. */
const V3 =
  'from 1.6 % slower to 1.0 % faster on faults of 2M and of 4K in order, from 1.1 % slower to 2.2 % faster on refaults and touches, within 8 % either way ' +
  'and without a pattern on conversions, which is the noise of that machine on that day';

/** Rows above their goal and why, as far as it is known. */
function reasons(rows: readonly TableRow[]): string {
  const missed = rows.filter(({ part }) => part > 1);
  if (missed.length === 0) return '\nEvery goal is reached.\n';
  const lines = missed.map(({ what }) => `* ${what}: ${REASONS[what] ?? 'not explained'}.`);
  return `\nNot reached in this run, and why where it is known:\n\n${lines.join('\n')}\n`;
}

function sizeRow(f: Figures, gib: number): string {
  const boot = `core/boot_2m_${sizeName(gib)}: 2M fault, ascending`;
  const each = f(boot);
  const ops = f(`${boot} (operations)`);
  const resident = f(`core/boot_2m_${sizeName(gib)}: resident after that boot`);
  return row([
    sizeText(gib),
    each === undefined || ops === undefined ? '' : duration(each * ops),
    resident === undefined ? '' : bytes(resident),
    ...OVER_SIZE.map(([, name, phase]) => cell(f(`core/${name}_${sizeName(gib)}: ${phase}`))),
  ]);
}

function thirdBar(pairs: readonly Result[]): string {
  const ns = (result: Result, engine: string) => (result[engine] as { median_ns: number } | undefined)?.median_ns;
  return pairs
    .filter((result) => ns(result, 'same_structures') !== undefined)
    .map((result) => {
      const [native, same, reference] = ['native', 'same_structures', 'reference'].map(
        (engine) => ns(result, engine) as number,
      );
      const ratios = [(reference as number) / (same as number), (same as number) / (native as number)];
      return row([`${result.name}: ${result.operation}`, ...[native, same, reference].map(cell), ...ratios.map(times)]);
    })
    .join('\n');
}

const peerNames = (peers: readonly Result[]) => [...new Set(peers.map(({ name }) => name))];

function peerRows(peers: readonly Result[]): string {
  const of = (name: string, operation: string) => {
    const found = peers.find((result) => result.name === name && result.operation?.split(':')[0] === operation);
    const note = found?.operation?.split(': ')[1];
    return found === undefined ? '' : `${duration(found.median_ns as number)}${note === undefined ? '' : ` (${note})`}`;
  };
  const operations = [...new Set(peers.map(({ operation }) => operation?.split(':')[0] as string))];
  return operations
    .map((operation) => row([operation, ...peerNames(peers).map((name) => of(name, operation))]))
    .join('\n');
}

function scanRows(f: Figures): string {
  const what = [
    ['uniform', 'prepared_512g_uniform'],
    ['mixed', 'prepared_512g_mixed'],
    ['a flat bitmap', 'flat_bitmap_512g'],
  ] as const;
  return what
    .map(([label, name]) =>
      row([label, ...SIMD_PATHS.map((path) => cell(f(`core/${name}: count all, ${path} (one operation)`)))]),
    )
    .join('\n');
}

/** The plot over the size of the guest; lines without a figure are left out. */
export function performancePlot(document: BenchDocument): string {
  const f = figuresOf(document);
  const lines = OVER_SIZE.map(([name, benchmark, phase]): Line => {
    const points = SIZES.flatMap((gib) => {
      const ns = f(`core/${benchmark}_${sizeName(gib)}: ${phase}`);
      return ns === undefined ? [] : [[gib, ns] as const];
    });
    return { name, points };
  }).filter(({ points }) => points.length > 1);
  return svg({
    title: 'Nanoseconds an op by size of the guest',
    xTicks: SIZES.map((gib) => [gib, sizeText(gib)]),
    yTicks: logTicks(
      lines.flatMap(({ points }) => points.map(([, ns]) => ns)),
      (value) => `${value}`,
    ),
    yTitle: 'ns an op, contents elided',
    lines,
  });
}

/** What the files hold, by path: the document, the page, the plot. */
export function performanceFiles(document: BenchDocument): ReadonlyMap<string, string> {
  return new Map([
    [path.join(DOCS, JSON_FILE), `${JSON.stringify(document, null, 1)}\n`],
    [path.join(DOCS, 'performance.md'), performancePage(document)],
    [path.join(DOCS, 'performance.svg'), performancePlot(document)],
  ]);
}

/** @returns the files written. */
export function writePerformance(document: BenchDocument): string[] {
  const files = performanceFiles(document);
  for (const [file, text] of files) writeFileSync(file, text);
  return [...files.keys()];
}

/** The document the page was written from. */
export function recordedRun(): BenchDocument {
  const document = JSON.parse(readFileSync(path.join(DOCS, JSON_FILE), 'utf8')) as BenchDocument;
  if (document.schema !== BENCH_SCHEMA) throw new Error(`${JSON_FILE}: schema ${document.schema}`);
  return document;
}
