/**
 * Writes docs/real-vs-modelled.md from one run on this machine: a calibration, the real touch of a guest_memfd, and what the
 * model says of the same ops with that calibration.
 *
 *     node dist/bench/real-vs-modelled.js [--bytes 1GiB] [--runs 3] [-o docs/real-vs-modelled.md]
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { calibrate } from '../lib/calibrate/calibrate.js';
import { formatCalibration } from '../lib/calibrate/document.js';
import { replay } from '../lib/compare/compare.js';
import { isRun, type RunResult } from '../lib/compare/results.js';
import { parseCostFile } from '../lib/cost/file.js';
import { OpBuilder } from '../lib/ops/builder.js';
import type { PresetName } from '../lib/policy/presets.js';
import { parseSize } from '../lib/spec/units.js';
import { bootTouch, type Touched } from './boot-touch.js';
import { page } from './real-vs-modelled-page.js';

/** Idle time after which a host that takes free memory back has taken it (the kernel reports free pages every 2 s). */
const IDLE_MS = 5000;

/** One touch of each kind a round; `idle` after a pause, the others of memory held until then. */
export interface Rounds {
  idle: Touched[];
  vcpu: Touched[];
  host: Touched[];
}

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: '1GiB' },
    runs: { type: 'string', default: '3' },
    output: { type: 'string', short: 'o', default: 'docs/real-vs-modelled.md' },
  },
});
const bytes = parseSize(values.bytes) ?? Number.NaN;
const runs = Number(values.runs);
if (!(bytes >= 2 ** 22 && bytes % 2 ** 21 === 0) || !(runs >= 1 && runs <= 100)) {
  process.stderr.write('real-vs-modelled: --bytes: whole 2 MiB, 4 MiB at least; --runs: 1 to 100\n');
  process.exit(2);
}

/** The same ops on the simulated host. */
async function modelled(policy: PresetName, calibration: string): Promise<RunResult> {
  const ops = new OpBuilder();
  ops.push({ op: 'create', size: bytes, flags: ['mmap', 'init-shared'] });
  ops.push({ op: 'bind', slot: 0, gpa: 0, size: bytes });
  ops.push({ op: 'touch', gpa: 0, size: bytes, write: true });
  const input = { path: 'boot-like touch', format: 'built', stream: ops.stream, fitted: false };
  const costs = parseCostFile(calibration, 'this run');
  const { results } = await replay(input, { policy, arch: 'none', costs, samples: 0 });
  const [result] = results;
  if (result === undefined || !isRun(result)) throw new Error(`${policy} does not run`);
  return result;
}

async function main(): Promise<void> {
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  note('calibrating');
  const calibration = await calibrate();
  const load = loadavg()[0] as number;
  const rounds: Rounds = { idle: [], vcpu: [], host: [] };
  for (let run = 1; run <= runs; run += 1) {
    note(`run ${run} of ${runs}`);
    await sleep(IDLE_MS);
    rounds.idle.push(await bootTouch('vcpu', bytes, false));
    rounds.vcpu.push(await bootTouch('vcpu', bytes, true));
    rounds.host.push(await bootTouch('host', bytes, true));
  }
  const text = formatCalibration(calibration);
  const models = { small: await modelled('mainline-6.18', text), huge: await modelled('rfc-thp', text) };
  writeFileSync(values.output, page({ bytes, calibration, rounds, models, load }));
  note(`wrote ${values.output}`);
}

await main();
