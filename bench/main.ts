/**
 * npm run bench [-- NAME ...]: medians and ratios, all of one run; written as JSON to build/bench.json too. NAME is part of a
 * benchmark's name. No figure is a verdict: times are this machine's, only ratios travel.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type BorderResult, runBorder } from './border.js';
import { type CoreResult, runCore } from './core.js';
import { PAIRS, type PairResult, runPair } from './pairs.js';
import { type ReplayResult, runReplay } from './replay.js';

const OUTPUT = fileURLToPath(new URL('../../build/bench.json', import.meta.url));

function nanoseconds(ns: number): string {
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(2)} ms`;
  if (ns >= 1e4) return `${(ns / 1e3).toFixed(1)} us`;
  return `${ns.toFixed(ns < 100 ? 1 : 0)} ns`;
}

function line(...columns: [string, string, string, string, string]): void {
  const [name, ...figures] = columns;
  process.stdout.write(`${name.padEnd(76)}${figures.map((text) => text.padStart(12)).join('')}\n`);
}

const names = process.argv.slice(2);
const wanted = (name: string) => names.length === 0 || names.some((part) => name.includes(part));
const pairs: PairResult[] = [];
let border: BorderResult[] = [];
let core: CoreResult[] = [];
let replays: ReplayResult[] = [];

const chosen = PAIRS.filter((pair) => wanted(pair.name));
if (chosen.length > 0) line('native and reference, same records, same counters', 'native', 'reference', 'ratio', 'ops');
for (const pair of chosen) {
  const result = await runPair(pair);
  pairs.push(result);
  const { name, operation, operations, native, reference, ratio } = result;
  line(
    `${name}: ${operation}`,
    nanoseconds(native.median_ns),
    nanoseconds(reference.median_ns),
    `${ratio.toFixed(1)}x`,
    String(operations),
  );
}

if (wanted('border')) {
  line('border: from JavaScript', 'median', 'least', 'of a batch', '');
  border = await runBorder();
  for (const { name, operation, median_ns, least_ns, ratio } of border) {
    line(`${name}: ${operation}`, nanoseconds(median_ns), nanoseconds(least_ns), `${ratio.toFixed(1)}x`, '');
  }
}

if (wanted('replay')) {
  line('replay: a whole process', 'ops/s', 'all of it', 'start', 'engine');
  replays = await runReplay();
  for (const { name, operation, operations, ops_per_second, ...split } of replays) {
    line(
      `${name}: ${operation}, ${operations} ops`,
      `${(ops_per_second / 1e6).toFixed(1)} M`,
      nanoseconds(split.process_ns),
      nanoseconds(split.node_start_ns + split.command_start_ns),
      nanoseconds(split.engine_ns),
    );
  }
}

core = runCore(names);
if (core.length > 0) line('core: C++ alone', 'median', 'least', 'most', 'ops');
for (const { name, operations, median_ns, least_ns, most_ns } of core) {
  line(name, nanoseconds(median_ns), nanoseconds(least_ns), nanoseconds(most_ns), String(operations));
}

if (pairs.length + border.length + replays.length + core.length === 0) {
  const known = [...PAIRS.map((pair) => pair.name), 'border', 'replay', 'and the names that gmem_core_bench prints'];
  process.stderr.write(`no benchmark is called ${names.join(', ')}; there are: ${known.join(', ')}\n`);
  process.exit(2);
}
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memory_bytes: totalmem(),
  node: process.version,
};
const date = new Date().toISOString();
writeFileSync(OUTPUT, `${JSON.stringify({ date, machine, pairs, border, replays, core }, null, 2)}\n`);
process.stdout.write(`written to ${OUTPUT}\n`);
