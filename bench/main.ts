/**
 * npm run bench [-- NAME ...] [-- --write-docs]: medians and ratios, all of one run; written as JSON to build/bench.json too. NAME
 * is part of a benchmark's name. `--write-docs` makes docs/performance.md of the run, which must be a whole one. No figure is a
 * verdict: times are this machine's, only ratios travel.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runBorder } from './border.js';
import { coreNames, runCore } from './core.js';
import { machine } from './machine.js';
import { writePerformance } from './page.js';
import { PAIRS, type PairResult, runPair } from './pairs.js';
import { runPeers } from './peers.js';
import { type ReplayResult, runReplay } from './replay.js';
import { BENCH_SCHEMA, type BenchDocument, type Result } from './results.js';
import { duration, formatFigure } from './text.js';
import { namesText, parseArguments, usageText } from './usage.js';

const OUTPUT = fileURLToPath(new URL('../../build/bench.json', import.meta.url));

/** A part of the run. `names` are what a NAME is looked for in; without one, the section is asked itself. */
interface Section {
  readonly title: string;
  readonly columns: readonly string[];
  readonly run: (wanted: (name: string) => boolean, parts: readonly string[]) => AsyncIterable<Result>;
  readonly line: (result: Result) => readonly string[];
}

async function* only(name: string, wanted: (name: string) => boolean, run: () => Promise<readonly Result[]>) {
  if (wanted(name)) yield* await run();
}

const spread = ({ median_ns, least_ns, most_ns }: Result) =>
  [median_ns, least_ns, most_ns].map((ns) => duration(ns as number));

const SECTIONS: Readonly<Record<string, Section>> = {
  // First: a process takes longer to start from one that has grown.
  replay: {
    title: 'replay: a whole process',
    columns: ['ops/s', 'all of it', 'start', 'engine', 'ops'],
    run: (wanted) => only('replay', wanted, async () => (await runReplay()).map((result) => ({ ...result }))),
    line: (result) => {
      const replay = result as unknown as ReplayResult;
      return [
        `${(replay.ops_per_second / 1e6).toFixed(1)} M`,
        duration(replay.process_ns),
        duration(replay.node_start_ns + replay.command_start_ns),
        duration(replay.engine_ns),
        String(replay.operations),
      ];
    },
  },
  pairs: {
    title: 'native and reference, same records, same counters; native structures in JS',
    columns: ['native', 'reference', 'ratio', 'in JS', 'ops'],
    run: async function* (wanted) {
      for (const pair of PAIRS) if (wanted(pair.name)) yield { ...(await runPair(pair)) };
    },
    line: (result) => {
      const { native, reference, ratio, same_structures, operations } = result as unknown as PairResult;
      const third = same_structures === undefined ? '' : duration(same_structures.median_ns);
      return [
        duration(native.median_ns),
        duration(reference.median_ns),
        `${ratio.toFixed(1)}x`,
        third,
        String(operations),
      ];
    },
  },
  peers: {
    title: '2^27 pages as bits in JavaScript, and engine.count',
    columns: ['median', 'least', 'most'],
    run: (wanted) => only('peers', wanted, async () => (await runPeers()).map((result) => ({ ...result }))),
    line: spread,
  },
  border: {
    title: 'border: from JavaScript',
    columns: ['median', 'least', 'of a batch'],
    run: (wanted) => only('border', wanted, async () => (await runBorder()).map((result) => ({ ...result }))),
    line: ({ median_ns, least_ns, ratio }) => [
      duration(median_ns as number),
      duration(least_ns as number),
      `${(ratio as number).toFixed(1)}x`,
    ],
  },
  core: {
    title: 'core: C++ alone',
    columns: ['median', 'least', 'most', 'ops'],
    run: async function* (_wanted, parts) {
      yield* runCore(parts);
    },
    line: (result) => [
      ...['median', 'least', 'most'].map((which) => formatFigure(result, which)),
      String(result.operations),
    ],
  },
};

/** Of everything but the core. */
const NAMES = [...PAIRS.map((pair) => pair.name), 'peers', 'border', 'replay'];

function fail(message: string): void {
  process.stderr.write(`bench: ${message.trimEnd()}\n`);
  process.exitCode = 2;
}

function print(name: string, columns: readonly string[]): void {
  process.stdout.write(`${name.padEnd(90)}${columns.map((text) => text.padStart(12)).join('')}\n`);
}

async function main(): Promise<void> {
  const given = parseArguments(process.argv.slice(2));
  if (typeof given === 'string') return fail(given);
  const { parts, writeDocs } = given;
  if (given.help) {
    process.stdout.write(usageText(namesText(NAMES, coreNames())));
    return;
  }
  const wanted = (name: string) => parts.length === 0 || parts.some((part) => name.includes(part));
  const began = performance.now();
  const date = new Date().toISOString();
  const about = machine();
  const sections: Record<string, Result[]> = {};
  for (const [key, { title, columns, run, line }] of Object.entries(SECTIONS)) {
    const results: Result[] = [];
    for await (const result of run(wanted, parts)) {
      if (results.length === 0) print(title, columns);
      results.push(result);
      print(result.operation === undefined ? result.name : `${result.name}: ${result.operation}`, line(result));
    }
    if (results.length > 0) sections[key] = results;
  }
  if (Object.keys(sections).length === 0) {
    return fail(
      `no benchmark is called ${parts.join(', ')}. Accepted: a part of a name\n${namesText(NAMES, coreNames())}`,
    );
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  const document: BenchDocument = { schema: BENCH_SCHEMA, date, seconds, machine: about, sections };
  writeFileSync(OUTPUT, `${JSON.stringify(document, null, 2)}\n`);
  process.stdout.write(`${seconds} s, written to ${OUTPUT}\n`);
  if (writeDocs) for (const file of writePerformance(document)) process.stdout.write(`written to ${file}\n`);
}

await main();
