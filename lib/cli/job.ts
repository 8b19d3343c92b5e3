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
import { needsMemory } from '../trace/fit.js';
import type { RunWishes } from '../trace/format.js';
import { openInput } from '../trace/input.js';
import { asSetting, type Setting, settingOf } from '../trace/setting.js';
import { filesWritten, keepApart, type Places } from './apart.js';
import { EXIT, type ExitCode, UsageError } from './exit.js';
import { onInterrupt } from './interrupt.js';
import type { RunFlags } from './options.js';
import { sayWritten, writeReports } from './output.js';
import { progressLine } from './progress.js';
import { checkSetOnce } from './set-once.js';

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
      document = await runOnce(path, flags, [], own, run);
    } else {
      const steps: SweepStep[] = [];
      for (const value of sweep.values) {
        if (interruption.signal.aborted) break;
        const swept = settingOf('--sweep', settingText(sweep, value));
        steps.push({ value, document: await runOnce(path, flags, [swept], own, run) });
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

/** `swept`: what a sweep sets for this run; its rows tell it. */
async function runOnce(
  path: string,
  flags: RunFlags,
  swept: readonly Setting[],
  { detailed, ...own }: OwnOptions,
  run: Runner,
): Promise<ResultsDocument> {
  const settings = flags.set ?? [];
  const [input, sha256] = await Promise.all([
    openInput(path, { format: flags.inputFormat, settings: [...settings, ...swept], seed: flags.seed }),
    detailed ? fileDigest(path) : undefined,
  ]);
  const { format, fitted } = input;
  if (!flags.quiet && needsMemory(input.extent)) {
    const why = 'it creates none, and none is fitted to the ops of several VMs or files (docs/formats.md)';
    process.stderr.write(`gmem: ${visible(path)}: its ops find no guest memory: ${why}\n`);
  }
  // Of what a scenario says of its host nothing is so on the running kernel.
  const wishes: RunWishes = flags.engine === 'kvm' ? {} : input.wishes;
  return run(
    { path, format, stream: input.ops, fitted, sha256, set: settings.map((setting) => asSetting(setting).text) },
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
