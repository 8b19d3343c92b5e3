/**
 * A replay by the command, as a user waits for it: a process that starts, reads a trace and reports, timed from outside. The
 * trace is made in a folder of its own and stays in the page cache.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FLAG, OP_KIND, OpRecords, OpStream, type ResultsDocument, writeStream } from '../lib/index.js';
import { PAGE_BYTES } from '../lib/spec/units.js';
import { furnish, GiB, scrambled } from './streams.js';

const COMMAND = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url));
const POLICY = ['--policy', 'mainline-6.18', '--arch', 'none', '--quiet'];
const RUNS = 5;
const PAGE_BITS = 20;
const PAGES = 2 ** PAGE_BITS;

export interface ReplayResult {
  readonly name: string;
  readonly operation: string;
  readonly operations: number;
  readonly file_bytes: number;
  /** The whole process, from outside, divided by its ops: median, least, most of RUNS. */
  readonly median_ns: number;
  readonly least_ns: number;
  readonly most_ns: number;
  readonly ops_per_second: number;
  /** Of the median process: all of it, then medians of their own: `node -e 0`, what `gmem version` takes beyond it, the engine by its own clock, and what is left. */
  readonly process_ns: number;
  readonly node_start_ns: number;
  readonly command_start_ns: number;
  readonly engine_ns: number;
  readonly reading_ns: number;
}

/** A boot of 4 GiB by 4K as far as the ops go, then touches of these pages: mostly near the last one, as guests do, every eighth anywhere. */
function trace(operations: number): OpStream {
  const records = new OpRecords(operations);
  records.appendAll(furnish(4 * GiB));
  const faults = Math.min(PAGES, operations >> 1);
  for (let i = 0; i < faults; i += 1) {
    records.append(OP_KIND.fault, FLAG.private, 0, 0, 0, 0, i * PAGE_BYTES, 0, 0);
  }
  for (let i = 0; records.length < operations; i += 1) {
    const page = i % 8 === 0 ? scrambled(i % PAGES, PAGE_BITS) % faults : i % 4096;
    records.append(OP_KIND.touch, 0, 0, 0, 0, 0, page * PAGE_BYTES, PAGE_BYTES, 0);
  }
  return new OpStream(records);
}

/** Runs a program to its end. @returns what it said, and how long it took. */
function timed(args: readonly string[]): { stdout: string; ns: number } {
  const started = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const ns = Number(process.hrtime.bigint() - started);
  if (status !== 0) throw new Error(`${args.join(' ')}: exit code ${status}: ${stderr}`);
  return { stdout, ns };
}

function sorted(work: () => number): number[] {
  return Array.from({ length: RUNS }, work).sort((a, b) => a - b);
}

function median(work: () => number): number {
  return sorted(work)[RUNS >> 1] as number;
}

/** Ten million ops packed, and one million as JSON lines. */
export async function runReplay(): Promise<ReplayResult[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gmem-bench-'));
  try {
    const node = median(() => timed(['-e', '0']).ns);
    const command = median(() => timed([COMMAND, 'version']).ns);
    const results: ReplayResult[] = [];
    for (const [name, operations] of [
      ['replay.gmt', 10_000_000],
      ['replay.jsonl', 1_000_000],
    ] as const) {
      const file = path.join(folder, name);
      await writeStream(trace(operations), file);
      const whole = sorted(() => timed([COMMAND, 'replay', file, ...POLICY]).ns);
      const engine = median(() => {
        const { stdout } = timed([COMMAND, 'replay', file, ...POLICY, '--format', 'json']);
        const [result] = (JSON.parse(stdout) as ResultsDocument).results;
        if (result === undefined || !('host' in result)) throw new Error(`${file}: not run`);
        return result.host.engine_ns;
      });
      const total = whole[RUNS >> 1] as number;
      results.push({
        name,
        operation: name.endsWith('.gmt') ? 'a packed trace by the command' : 'JSON lines by the command',
        operations,
        file_bytes: statSync(file).size,
        median_ns: total / operations,
        least_ns: (whole[0] as number) / operations,
        most_ns: (whole[RUNS - 1] as number) / operations,
        process_ns: total,
        ops_per_second: Math.round((operations / total) * 1e9),
        node_start_ns: node,
        command_start_ns: Math.max(0, command - node),
        engine_ns: engine,
        reading_ns: Math.max(0, total - command - engine),
      });
      rmSync(file);
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
