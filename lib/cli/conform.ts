/** `gmem conform [INPUT...]`: the running kernel's guest_memfd against the simulated engines, op by op. */
import { Command, Option } from 'commander';
import { type ConformResult, conform, MODELS, type NamedStream } from '../conform/conform.js';
import { fieldsOf } from '../conform/judge.js';
import { conformJson, conformText } from '../conform/report.js';
import { standardStreams } from '../conform/standard.js';
import { openInput } from '../trace/input.js';
import { EXIT, type ExitCode, UsageError } from './exit.js';
import { onInterrupt } from './interrupt.js';
import type { Done } from './main.js';
import { oneOf } from './options.js';
import { writeOut } from './output.js';

const MOST_OPS = 1e9;

interface ConformFlags {
  ops: number;
  seed: number;
  format: 'text' | 'json';
  quiet: boolean;
}

export function conformCommand(done: Done): Command {
  return new Command('conform')
    .summary('compare the running kernel with the simulated engines')
    .description(
      `Runs op streams on the guest_memfd of the running kernel (/dev/kvm) and, under mainline-6.18, on ${Object.keys(MODELS).join(' and ')}, and compares every answer. Prints the shortest stream that shows a difference (exit code 1).`,
    )
    .argument('[input...]', "op streams; without: the kernel's selftest tables and random streams")
    .addOption(new Option('--ops <n>', 'random ops').argParser(count('--ops', MOST_OPS)).default(50_000))
    .addOption(
      new Option('--seed <n>', 'seed of the random streams, 32 bits').argParser(count('--seed', 0xffffffff)).default(1),
    )
    .addOption(
      new Option('--format <name>', 'text or json')
        .argParser(oneOf('--format', ['text', 'json'] as const))
        .default('text'),
    )
    .addOption(new Option('-q, --quiet', 'no progress on stderr').default(false))
    .addHelpText(
      'after',
      '\nExamples:\n  gmem conform\n  gmem conform --ops 1000000 --seed 7\n  gmem conform ops.jsonl',
    )
    .action(async (inputs: string[], flags: ConformFlags) => {
      const streams = inputs.length > 0 ? await given(inputs) : standardStreams(flags.ops, flags.seed);
      const interruption = onInterrupt(flags.quiet);
      const terminal = process.stderr.isTTY === true && !flags.quiet;
      try {
        const result = await conform(streams, {
          signal: interruption.signal,
          onProgress: ({ ops }) => {
            if (terminal) process.stderr.write(`\r\u001b[K${ops} ops compared`);
          },
        });
        if (terminal) process.stderr.write('\r\u001b[K');
        await writeOut(flags.format === 'json' ? conformJson(result, flags.seed) : conformText(result));
        done(exitCode(result));
      } finally {
        interruption.release();
      }
    });
}

function count(option: string, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= most)) throw new UsageError(`${option}: ${JSON.stringify(text)}. Accepted: 0 to ${most}`);
    return value;
  };
}

async function given(paths: readonly string[]): Promise<NamedStream[]> {
  const streams: NamedStream[] = [];
  for (const path of paths) streams.push({ name: path, ops: fieldsOf((await openInput(path)).stream.records) });
  return streams;
}

function exitCode({ finding, interrupted }: ConformResult): ExitCode {
  if (finding !== undefined) return EXIT.failed;
  return interrupted ? EXIT.interrupted : EXIT.done;
}
