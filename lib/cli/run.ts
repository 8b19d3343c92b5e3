/** `gmem run SCENARIO.yaml`: a scenario under the policies it names, with keys of it set from outside where asked. */
import { Command, Option } from 'commander';
import { compare } from '../compare/compare.js';
import { COMPARE_SCHEMA } from '../compare/results.js';
import type { Sweep } from '../compare/sweep.js';
import { SIMULATORS } from '../engine/options.js';
import { PRESET_NAMES } from '../policy/presets.js';
import { checkNames, designs } from './designs.js';
import { runJob } from './job.js';
import type { Done } from './main.js';
import { policyNames, type RunFlags, runOptions, setOption, sweptKey } from './options.js';
import { planOutput } from './output.js';

interface ScenarioFlags extends RunFlags {
  policies?: string[];
  guestMemory?: string;
  sweep?: Sweep;
}

export function runCommand(done: Done): Command {
  const command = new Command('run')
    .summary('run a scenario under its policies')
    .description('Runs SCENARIO, a YAML file (docs/scenarios.md), under the policies it names, or every preset.')
    .argument('<scenario>', 'YAML file with schema: gmem.scenario/1')
    .addOption(
      new Option(
        '--policies <names>',
        `comma-separated (default: those the scenario names, or all): a design the scenario defines, or ${PRESET_NAMES.join(', ')}`,
      ).argParser(policyNames),
    )
    .addOption(setOption())
    .addOption(new Option('--guest-memory <size>', 'memory of the guests: the same as --set machine.memory=SIZE'));
  command.addOption(
    new Option('--sweep <key=v1,v2,...>', 'run once with each value of a key: a row a policy and value').argParser(
      sweptKey,
    ),
  );
  for (const option of runOptions(SIMULATORS).filter(({ long }) => long !== '--input-format')) {
    command.addOption(option);
  }
  return command
    .addHelpText(
      'after',
      `
The seed of a scenario makes its ops; --seed replaces it, and is that of the engine too.

Examples:
  gmem run scenarios/snp-boot-16g.yaml
  gmem run scenarios/snp-boot-16g.yaml --guest-memory 64GiB --format json
  gmem run scenarios/shared-pool.yaml --set phases[3].share=4% --format html -o report.html
  gmem run scenarios/shared-pool.yaml --sweep phases[3].share=1%,2%,4%,8% --policies hugetlb-2m`,
    )
    .action(async (scenario: string, flags: ScenarioFlags) => {
      const targets = await planOutput(flags.format ?? ['table'], flags.output);
      const set = [
        ...(flags.guestMemory === undefined
          ? []
          : [{ text: `machine.memory=${flags.guestMemory}`, label: '--guest-memory' }]),
        ...(flags.set ?? []),
      ];
      const { policies } = flags;
      await checkNames('--policies', policies, scenario, set);
      done(
        await runJob(
          scenario,
          { ...flags, inputFormat: 'scenario', set },
          { targets, schema: COMPARE_SCHEMA },
          (stream, options) =>
            compare(stream, {
              ...options,
              policies: policies ? designs('--policies', policies, options.policies) : options.policies,
            }),
          flags.sweep,
        ),
      );
    });
}
