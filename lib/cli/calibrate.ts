/** `gmem calibrate`: measures this host, as a cost table for `compare --cost`. */
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command, Option } from 'commander';
import { calibrate, DEFAULT_REPETITIONS } from '../calibrate/calibrate.js';
import { type Calibration, formatCalibration, machineLine } from '../calibrate/document.js';
import { FIGURE_NAMES } from '../calibrate/figures.js';
import { GmemError } from '../engine/error.js';
import { visible } from '../ops/problems.js';
import { duration } from '../report/format.js';
import { EXIT, UsageError } from './exit.js';
import { onInterrupt } from './interrupt.js';
import type { Done } from './main.js';
import { writeOut } from './output.js';

interface CalibrateFlags {
  output?: string;
  repetitions: number;
  quiet: boolean;
}

export function calibrateCommand(done: Done): Command {
  return new Command('calibrate')
    .summary('measure this host, as a cost table for --cost')
    .description(
      'Measures faults, allocation, punches, clearing and system calls of this host and, where /dev/kvm and guest_memfd are there, of the real guest_memfd: medians and their spread, and the cycles an event that follow.',
    )
    .addOption(new Option('-o, --output <file>', 'file, or - for stdout').default('-'))
    .addOption(
      new Option('--repetitions <n>', 'samples of each figure, 1 to 1000')
        .argParser(repetitions)
        .default(DEFAULT_REPETITIONS),
    )
    .addOption(new Option('-q, --quiet', 'no progress and no summary on stderr').default(false))
    .addHelpText('after', '\nExamples:\n  gmem calibrate -o host.json\n  gmem compare trace.jsonl.gz --cost host.json')
    .action(async (flags: CalibrateFlags) => {
      await checkOutput(flags.output);
      const interruption = onInterrupt(true);
      if (!flags.quiet) {
        process.stderr.write(`measuring ${FIGURE_NAMES.length} figures, ${flags.repetitions} samples each\n`);
      }
      const terminal = process.stderr.isTTY === true && !flags.quiet;
      try {
        const result = await calibrate({
          repetitions: flags.repetitions,
          signal: interruption.signal,
          onProgress: (taken, all) => {
            if (terminal) process.stderr.write(`\r\u001b[K${taken} of ${all} samples`);
          },
        });
        if (terminal) process.stderr.write('\r\u001b[K');
        if (flags.output === '-') await writeOut(formatCalibration(result));
        else await writeFile(flags.output as string, formatCalibration(result));
        if (!flags.quiet) process.stderr.write(summary(result, flags.output as string));
        done(EXIT.done);
      } catch (error) {
        if (!(error instanceof GmemError && error.code === 'ERR_GMEM_ABORTED')) throw error;
        if (terminal) process.stderr.write('\r\u001b[K');
        process.stderr.write('interrupted: nothing was written\n');
        done(EXIT.interrupted);
      } finally {
        interruption.release();
      }
    });
}

function repetitions(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= 1000)) {
    throw new UsageError(`--repetitions: ${JSON.stringify(text)}. Accepted: 1 to 1000`);
  }
  return value;
}

/** Said before anything is measured. */
async function checkOutput(output = '-'): Promise<void> {
  if (output === '-') return;
  const folder = path.dirname(output);
  const there = await stat(folder).catch(() => undefined);
  if (there?.isDirectory() !== true) throw new UsageError(`-o: there is no folder ${folder}`);
  const found = await stat(output).catch(() => undefined);
  if (found?.isDirectory() === true) throw new UsageError(`-o: ${output} is a folder`);
}

function summary(result: Calibration, output: string): string {
  const names = Object.keys(result.figures);
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = Object.entries(result.figures).map(
    ([name, { median_ns, p10_ns, p90_ns }]) =>
      `  ${name.padEnd(width)}  ${duration(median_ns).padStart(8)}  (${duration(p10_ns)} to ${duration(p90_ns)})`,
  );
  const missing = new Map<string, string[]>();
  for (const [name, { reason, errno }] of Object.entries(result.absent)) {
    const why = `${reason}: ${errno}`;
    missing.set(why, [...(missing.get(why) ?? []), name]);
  }
  for (const [why, figures] of missing) lines.push(`  not measured, ${why}: ${figures.join(', ')}`);
  const where = output === '-' ? '' : `wrote ${visible(output)}\n`;
  return `${machineLine(result)}; medians (10th to 90th percentile)\n${lines.join('\n')}\n${where}`;
}
