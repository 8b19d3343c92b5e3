/** `gmem compare INPUT`: every policy over one input. */
import { Command, Option } from 'commander';
import { compare } from '../compare/compare.js';
import { COMPARE_SCHEMA } from '../compare/results.js';
import { SIMULATORS } from '../engine/options.js';
import { PRESET_NAMES } from '../policy/presets.js';
import { checkNames, designs } from './designs.js';
import { runJob } from './job.js';
import type { Done } from './main.js';
import { policyNames, type RunFlags, runOptions, setOption } from './options.js';
import { planOutput } from './output.js';

interface CompareFlags extends RunFlags {
  policies?: string[];
}

export function compareCommand(done: Done): Command {
  const command = new Command('compare')
    .summary('run one input under every policy and report how they differ')
    .description('Runs INPUT under every policy, one after the other, and reports how they differ.')
    .argument('<input>', 'op stream, trace or scenario, - for stdin; the format is told by its content')
    .addOption(
      new Option(
        '--policies <names>',
        `comma-separated (default: all, or those a scenario names): a design the scenario defines, or ${PRESET_NAMES.join(', ')}`,
      ).argParser(policyNames),
    )
    .addOption(setOption());
  for (const option of runOptions(SIMULATORS)) command.addOption(option);
  return command
    .addHelpText(
      'after',
      `
Examples:
  gmem compare trace.jsonl.gz
  gmem compare trace.jsonl.gz --policies mainline-6.18,rfc-thp --format json | jq '.results[].counters'
  gmem compare trace.jsonl.gz --format html -o report.html
  gmem compare trace.jsonl.gz --format table --format json --format html -o results/`,
    )
    .action(async (input: string, flags: CompareFlags) => {
      const targets = await planOutput(flags.format ?? ['table'], flags.output);
      const { policies } = flags;
      await checkNames('--policies', policies, input, flags.set);
      done(
        await runJob(input, flags, { targets, schema: COMPARE_SCHEMA }, (stream, options) =>
          compare(stream, {
            ...options,
            policies: policies ? designs('--policies', policies, options.policies) : options.policies,
          }),
        ),
      );
    });
}
