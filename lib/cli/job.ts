/**
 * What `compare`, `replay` and `run` have in common: read the input, run, write the reports, and the exit code that follows.
 */
import type { CompareInput, CompareOptions } from '../compare/compare.js';
import { fileDigest } from '../compare/digest.js';
import { isRun, type ResultsDocument, rowName } from '../compare/results.js';
import { type Sweep, type SweepStep, settingText, sweptDocument } from '../compare/sweep.js';
import { metThresholds } from '../compare/threshold.js';
import type { CostTable } from '../cost/table.js';
import { toVcpus } from '../engine/batches.js';
import { visible } from '../ops/problems.js';
import type { RunWishes } from '../trace/format.js';
import { openInput } from '../trace/input.js';
import { asSetting, type Setting, settingOf } from '../trace/setting.js';
import { filesWritten, keepApart, type Places } from './apart.js';
import { EXIT, type ExitCode, UsageError } from './exit.js';
import { onInterrupt } from './interrupt.js';
import type { RunFlags } from './options.js';
import { sayWritten, writeReports } from './output.js';
import { progressLine } from './progress.js';

export type Runner = (input: CompareInput, options: CompareOptions) => Promise<ResultsDocument>;

export async function runJob(
  path: string,
  flags: RunFlags,
  places: Places,
  run: Runner,
  sweep?: Sweep,
): Promise<ExitCode> {
  checkSetOnce(flags, sweep);
  const { targets } = places;
  const read = [
    { option: 'INPUT', path },
    ...(flags.cost === undefined ? [] : [{ option: '--cost', path: flags.cost }]),
  ];
  await keepApart(read, filesWritten(places));
  const costs = flags.cost === undefined ? undefined : await (await import('../cost/file.js')).readCostFile(flags.cost);
  const interruption = onInterrupt(flags.quiet);
  const progress = progressLine(flags.progress, flags.quiet);
  if (flags.engine === 'kvm' && flags.failIf !== undefined) {
    throw new UsageError('--fail-if: the running kernel does not count. Accepted with --engine native, reference');
  }
  if (flags.engine !== 'native' && flags.latency) throw new UsageError('--latency: accepted with --engine native only');
  if (toVcpus(flags.engine, flags.vcpus, '--vcpus') > 1 && flags.latency) {
    throw new UsageError('--latency: accepted with --vcpus 1 only: ops that run side by side are not timed one by one');
  }
  if (flags.latency && !flags.quiet && !targets.some(({ format }) => format === 'json' || format === 'csv')) {
    process.stderr.write('gmem: --latency: its figures are in --format json and csv only\n');
  }
  // Timeline, memory map and the input's digest cost time, and only these show them.
  const detailed = targets.some(({ format }) => format === 'html' || format === 'json');
  const own = {
    costs,
    detailed,
    samples: detailed ? undefined : 0,
    signal: interruption.signal,
    onProgress: progress?.update,
  };
  let document: ResultsDocument;
  try {
    if (sweep === undefined) {
      document = await runOnce(path, flags, flags.set, own, run);
    } else {
      const steps: SweepStep[] = [];
      for (const value of sweep.values) {
        if (interruption.signal.aborted) break;
        const swept = settingOf('--sweep', settingText(sweep, value));
        steps.push({ value, document: await runOnce(path, flags, [...(flags.set ?? []), swept], own, run) });
      }
      document = sweptDocument(sweep, steps, { arch: flags.arch, memory_bytes: flags.memory });
    }
  } finally {
    progress?.clear();
    interruption.release();
  }
  const files = await writeReports(targets, document);
  if (!flags.quiet) sayWritten(files);
  if (!document.interrupted && !document.results.some(isRun)) sayNoneRan(document);
  const met = metThresholds(document, flags.failIf ?? []);
  for (const line of met) process.stderr.write(`gmem: --fail-if: ${line}\n`);
  return exitCode(document, met.length > 0);
}

interface OwnOptions extends Pick<CompareOptions, 'samples' | 'signal' | 'onProgress'> {
  readonly costs: CostTable | undefined;
  readonly detailed: boolean;
}

async function runOnce(
  path: string,
  flags: RunFlags,
  settings: readonly Setting[] | undefined,
  { detailed, ...own }: OwnOptions,
  run: Runner,
): Promise<ResultsDocument> {
  const [input, sha256] = await Promise.all([
    openInput(path, { format: flags.inputFormat, settings, seed: flags.seed }),
    detailed ? fileDigest(path) : undefined,
  ]);
  const { format, fitted, set } = input;
  if (!flags.quiet && input.guestBytes === 0 && input.ops.length > 0) {
    process.stderr.write(
      `gmem: ${visible(path)}: no guest memory in it, and none fitted, as is done for the ops of one VM (docs/formats.md): they find none\n`,
    );
  }
  // Of what a scenario says of its host nothing is so on the running kernel.
  const wishes: RunWishes = flags.engine === 'kvm' ? {} : input.wishes;
  return run(
    { path, format, stream: input.ops, fitted, sha256, set },
    {
      ...own,
      policies: wishes.policies,
      engine: flags.engine,
      latency: flags.latency,
      arch: flags.arch ?? wishes.arch,
      memoryBytes: flags.memory ?? wishes.memoryBytes,
      seed: flags.seed ?? wishes.seed,
      vcpus: flags.vcpus,
    },
  );
}

/** Options that are keys of a scenario by another name. */
const KEY_OF_OPTION = {
  '--arch': 'machine.arch',
  '--memory': 'machine.hostMemory',
  '--seed': 'machine.seed',
  '--guest-memory': 'machine.memory',
} as const;

/** One of two values would be used, and the report would name the other. */
function checkSetOnce({ arch, memory, seed, set }: RunFlags, sweep: Sweep | undefined): void {
  const given = { '--arch': arch, '--memory': memory, '--seed': seed } as const;
  const by: string[] = (Object.keys(given) as (keyof typeof given)[]).filter((option) => given[option] !== undefined);
  const keys: [key: string, label: string][] = by.map((option) => [
    KEY_OF_OPTION[option as keyof typeof given],
    option,
  ]);
  for (const setting of set ?? []) {
    const { text, label } = asSetting(setting);
    keys.push([(text.split('=', 1)[0] as string).trim(), label]);
  }
  if (sweep !== undefined) keys.push([sweep.key.trim(), '--sweep']);
  const seen = new Map<string, string>();
  for (const [key, label] of keys) {
    const other = seen.get(key);
    if (other !== undefined && other !== label) {
      throw new UsageError(`${label}: ${key} is set by ${other} too. Accepted: one of them`);
    }
    seen.set(key, label);
  }
}

/** A report may be in a file, or in a table among much else. */
function sayNoneRan({ results }: ResultsDocument): void {
  for (const row of results) {
    if (!isRun(row)) process.stderr.write(`gmem: ${rowName(row)} cannot run this input: ${row.refused}\n`);
  }
}

/** What went wrong counts before what was only too much. */
function exitCode(document: ResultsDocument, exceeded: boolean): ExitCode {
  if (document.interrupted) return EXIT.interrupted;
  const runs = document.results.filter(isRun);
  if (runs.length === 0) return EXIT.failed;
  if (runs.some((run) => (run.violations ?? []).length > 0)) return EXIT.failed;
  return exceeded ? EXIT.threshold : EXIT.done;
}
