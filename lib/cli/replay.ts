/** `gmem replay INPUT --policy P`: one policy over one input, with outcomes and verification. */
import { Command, Option } from 'commander';
import { replay } from '../compare/compare.js';
import { kernelFlagRefusal } from '../compare/kernel.js';
import { REPLAY_SCHEMA } from '../compare/results.js';
import { ENGINES } from '../engine/options.js';
import { type PolicyInput, unsupportedReason } from '../policy/policy.js';
import { PRESET_NAMES, PRESETS, type PresetName } from '../policy/presets.js';
import type { Arch } from '../spec/knobs.js';
import { asSetting } from '../trace/setting.js';
import { checkNames, designs } from './designs.js';
import { UsageError } from './exit.js';
import { runJob } from './job.js';
import type { Done } from './main.js';
import { type RunFlags, runOptions, setOption } from './options.js';
import { OutcomeFile } from './outcome-file.js';
import { planOutput, type Target, writeOut } from './output.js';

interface ReplayFlags extends RunFlags {
  policy?: string;
  outcomes?: string;
  verify?: true;
}

export function replayCommand(done: Done): Command {
  const command = new Command('replay')
    .summary('run one input under one policy, with outcomes op by op')
    .description('Runs INPUT under one policy. Says what every op answered, and checks the invariants, where asked.')
    .argument('<input>', 'op stream, trace or scenario, - for stdin; the format is told by its content')
    .addOption(
      new Option(
        '--policy <name>',
        `one of: ${PRESET_NAMES.join(', ')}, or a design the scenario defines; of the engines that simulate`,
      ),
    )
    .addOption(
      new Option(
        '--outcomes <file>',
        'one JSON line an op: its outcome; - for stdout, where it takes the place of the report',
      ),
    )
    .addOption(
      new Option('--verify', 'recount every counter and check every invariant at the end (exit code 1 if one fails)'),
    )
    .addOption(setOption());
  for (const option of runOptions(ENGINES)) command.addOption(option);
  return command
    .addHelpText(
      'after',
      `
Examples:
  gmem replay trace.jsonl.gz --policy rfc-thp --verify
  gmem replay ops.jsonl --policy mainline-6.18 --outcomes -
  gmem replay ops.jsonl --policy mainline-6.18 --outcomes out.jsonl --format json
  gmem replay ops.jsonl --engine kvm --outcomes -`,
    )
    .action(async (input: string, flags: ReplayFlags) => {
      await checkPolicy(input, flags);
      const targets = await replayTargets(flags);
      const { policy, verify, outcomes } = flags;
      const file = outcomes === undefined || outcomes === '-' ? undefined : await OutcomeFile.plan(outcomes);
      const sink = outcomes === '-' ? writeOut : file && ((lines: string) => file.write(lines));
      const code = await runJob(input, flags, { targets, schema: REPLAY_SCHEMA, outcomes }, (stream, options) =>
        replay(stream, { ...options, policy: designed(policy, options.policies), verify, outcomes: sink }).finally(() =>
          file?.end(),
        ),
      );
      done(code);
    });
}

/** A policy that the arch can have; but the running kernel has one policy, its own, and is on no simulated host. */
async function checkPolicy(
  input: string,
  { engine, policy, arch, memory, seed, cost, set }: ReplayFlags,
): Promise<void> {
  if (engine !== 'kvm') {
    if (policy === undefined) throw new UsageError(`--policy: missing. Accepted: ${PRESET_NAMES.join(', ')}`);
    await checkNames('--policy', [policy], input, set);
    const preset = Object.hasOwn(PRESETS, policy) ? PRESETS[policy as PresetName] : undefined;
    const reason = arch && preset && unsupportedReason(preset.knobs, arch);
    if (reason !== undefined) {
      const able = PRESET_NAMES.filter((name) => unsupportedReason(PRESETS[name].knobs, arch as Arch) === undefined);
      throw new UsageError(`--policy ${policy} with --arch ${arch}: ${reason}. Accepted: ${able.join(', ')}`);
    }
    return;
  }
  const settings = (set ?? []).map((setting) => asSetting(setting).text);
  const refusal = kernelFlagRefusal({ policy, arch, memoryBytes: memory, seed, costs: cost }, settings);
  if (refusal !== undefined) throw new UsageError(refusal);
}

function designed(name: string | undefined, own: readonly PolicyInput[] | undefined): PolicyInput | undefined {
  return name === undefined ? undefined : designs('--policy', [name], own)[0];
}

async function replayTargets(flags: ReplayFlags): Promise<Target[]> {
  if (flags.outcomes !== '-') return planOutput(flags.format ?? ['table'], flags.output);
  if (flags.format === undefined && flags.output === undefined) return [];
  const targets = await planOutput(flags.format ?? ['table'], flags.output);
  if (targets.some((target) => target.to === 'stdout')) {
    throw new UsageError('--outcomes -: stdout is taken by the outcomes; give the report a file with -o');
  }
  return targets;
}
