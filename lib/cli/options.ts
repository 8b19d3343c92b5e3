/**
 * Option values, as text from the command line to what the program takes. A bad value says what is accepted.
 */
import { type Command, Option } from 'commander';
import type { Sweep } from '../compare/sweep.js';
import { splitThreshold, THRESHOLD_COMPARISONS, THRESHOLD_FIGURES, type Threshold } from '../compare/threshold.js';
import { type ENGINES, toMemory } from '../engine/options.js';
import { didYouMean } from '../ops/suggest.js';
import { PRESET_NAMES } from '../policy/presets.js';
import { REPORT_FORMATS, type ReportFormat } from '../report/formats.js';
import { ARCHES, type Arch } from '../spec/knobs.js';
import { parseSize } from '../spec/units.js';
import { MAX_VCPU_THREADS } from '../spec/vcpus.js';
import { TRACE_FORMAT_NAMES } from '../trace/formats.js';
import { type Setting, settingOf } from '../trace/setting.js';
import { UsageError } from './exit.js';

export type EngineName = (typeof ENGINES)[number];

export type ProgressMode = 'auto' | 'always' | 'never';

/** Options of the verbs that run ops. */
export interface RunFlags {
  engine: EngineName;
  arch?: Arch;
  memory?: number;
  seed?: number;
  vcpus?: number;
  /** Settings of a scenario, `key.path=value`. */
  set?: Setting[];
  failIf?: Threshold[];
  latency?: true;
  cost?: string;
  inputFormat?: string;
  format?: ReportFormat[];
  output?: string;
  quiet: boolean;
  progress: ProgressMode;
}

export function oneOf<T extends string>(what: string, accepted: readonly T[]): (text: string) => T {
  return (text) => {
    if ((accepted as readonly string[]).includes(text)) return text as T;
    throw new UsageError(`${what}: ${unknownName(text, accepted)}`);
  };
}

/** `unknown "x", did you mean "y"? Accepted: ...` */
export function unknownName(text: string, accepted: readonly string[]): string {
  const hint = didYouMean(text, accepted);
  return `unknown ${JSON.stringify(text)}${hint === '' ? '.' : hint} Accepted: ${accepted.join(', ')}`;
}

/** Options that add up; of any other the last value would quietly count. */
const REPEATABLE = ['--format', '--set', '--fail-if'];

/** Makes a second value of an option an error. */
export function refuseTwice(command: Command): void {
  for (const option of command.options) {
    if (!option.required || REPEATABLE.includes(option.long ?? '')) continue;
    let given = false;
    command.on(`option:${option.name()}`, () => {
      if (given) throw new UsageError(`${option.short ?? option.long}: given twice. Accepted: once`);
      given = true;
    });
  }
}

/** Repeatable, and comma-separated. */
function formats(text: string, before: ReportFormat[] | undefined): ReportFormat[] {
  const given = text.split(',').map((part) => oneOf('--format', REPORT_FORMATS)(part.trim()));
  return [...new Set([...(before ?? []), ...given])];
}

/** Names of designs, which are checked where the scenario's own are known (designs.ts). */
export function policyNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const accepted = `Accepted: ${PRESET_NAMES.join(', ')}`;
  if (names.every((name) => name === '')) throw new UsageError(`--policies: none given. ${accepted}`);
  if (names.includes('')) throw new UsageError(`--policies: a name is missing in ${JSON.stringify(text)}. ${accepted}`);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new UsageError(`--policies: ${JSON.stringify(twice)} is given twice. Accepted: once`);
  return names;
}

function memory(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) {
    throw new UsageError(
      `--memory: ${JSON.stringify(text)} is not a size. Accepted: bytes, or 64GiB, 512M, 0x80000000 (binary units)`,
    );
  }
  return toMemory('--memory', bytes);
}

/** `--set`, of the verbs that take a scenario; repeatable. */
export function setOption(): Option {
  return new Option(
    '--set <key=value>',
    'set a key of the scenario, such as phases[2].blocks=40; repeatable',
  ).argParser((text: string, before: Setting[] | undefined): Setting[] => [
    ...(before ?? []),
    settingOf('--set', text),
  ]);
}

/** `key=v1,v2,...`: what `--sweep` takes. */
export function sweptKey(text: string): Sweep {
  const [, key, list] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  const values = [...new Set((list ?? '').split(',').map((value) => value.trim()))].filter((value) => value !== '');
  if (key === undefined || values.length === 0) {
    throw new UsageError(`--sweep: ${JSON.stringify(text)}. Accepted: key=v1,v2,..., such as phases[3].share=2%,4%,8%`);
  }
  return { key, values };
}

/** `figure>limit`: what `--fail-if` takes; repeatable. */
function threshold(text: string, before: Threshold[] | undefined): Threshold[] {
  const given = splitThreshold(text);
  if (given === undefined) {
    const accepted = `a counter, one of ${THRESHOLD_COMPARISONS.join(' ')}, and a number, such as splits_2m>700`;
    throw new UsageError(`--fail-if: ${JSON.stringify(text)}. Accepted: ${accepted}`);
  }
  oneOf('--fail-if', THRESHOLD_FIGURES)(given.figure);
  return [...(before ?? []), given];
}

function seed(text: string): number {
  const value = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 0xffffffff)) throw new UsageError(`--seed: ${JSON.stringify(text)}. Accepted: 0 to ${0xffffffff}`);
  return value;
}

/** Which reports, and where they go. */
export function reportOptions(usual: ReportFormat): Option[] {
  return [
    new Option('--format <name>', `report as ${REPORT_FORMATS.join(', ')}; repeatable (default: ${usual})`).argParser(
      formats,
    ),
    new Option('-o, --output <path>', 'file, or - for stdout, or a folder for several formats'),
  ];
}

function vcpus(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= MAX_VCPU_THREADS)) {
    throw new UsageError(`--vcpus: ${JSON.stringify(text)}. Accepted: 1 to ${MAX_VCPU_THREADS}`);
  }
  return value;
}

/** Options every verb that runs ops has, in the order help shows them. */
export function runOptions(engines: readonly EngineName[]): Option[] {
  return [
    new Option('--engine <name>', `engine: ${engines.join(', ')}`)
      .argParser((text: string): EngineName => {
        if (text !== 'kvm' || engines.includes(text)) return oneOf('--engine', engines)(text);
        throw new UsageError(
          `--engine: kvm is one design, the running kernel's, and gmem replay runs it. Accepted: ${engines.join(', ')}`,
        );
      })
      .default('native'),
    new Option(
      '--arch <name>',
      `what the guest's hardware does with private memory: ${ARCHES.join(' or ')} (default: the scenario's, else snp)`,
    ).argParser(oneOf('--arch', ARCHES)),
    new Option(
      '--memory <size>',
      'simulated host memory (default: twice the gmem files, rounded up to 1 GiB, plus 1 GiB, as far as a host goes: just under 16 TiB)',
    ).argParser(memory),
    new Option(
      '--seed <n>',
      "seed of the pseudo-random choices, 32 bits; of a scenario it makes the ops (default: the scenario's, else 0)",
    ).argParser(seed),
    new Option(
      '--vcpus <n>',
      `threads that vCPU ops run on, 1 to ${MAX_VCPU_THREADS}, native engine only (default: 1; docs/threads.md)`,
    ).argParser(vcpus),
    new Option(
      '--input-format <name>',
      `format of INPUT (default: told by its content): ${TRACE_FORMAT_NAMES.join(', ')}`,
    ).argParser(oneOf('--input-format', TRACE_FORMAT_NAMES)),
    new Option(
      '--fail-if <condition>',
      'exit code 3 if a policy ends with it: splits_2m>700, errors>0, cycles_total>=2e9; >, >=, < or <=; repeatable',
    ).argParser(threshold),
    new Option('--latency', 'time every 61st op: percentiles by kind of op, in host of the JSON; native engine only'),
    new Option('--cost <file>', 'JSON file with cycles an event, in place of the built-in numbers'),
    ...reportOptions('table'),
    new Option('--progress <when>', 'progress on stderr: auto (on a terminal), always, never')
      .argParser(oneOf('--progress', ['auto', 'always', 'never'] as const))
      .default('auto'),
    new Option('-q, --quiet', 'no progress and no messages on stderr, only errors').default(false),
  ];
}
