/**
 * One input under every policy, in a row: the comparison, and the replay of a single policy with the same code. Knows no
 * file format and no report.
 */
import { cpus, release, totalmem } from 'node:os';
import { model } from '../cost/model.js';
import { type CostTable, DEFAULT_COST_TABLE } from '../cost/table.js';
import { argumentError } from '../engine/arguments.js';
import { toVcpus } from '../engine/batches.js';
import { readCounters } from '../engine/counters.js';
import { openBackend } from '../engine/open.js';
import { type ENGINES, resolveOptions, SIMULATORS } from '../engine/options.js';
import type { OpSource } from '../ops/source.js';
import { type Policy, type PolicyInput, resolvePolicies, resolvePolicy, unsupportedReason } from '../policy/policy.js';
import { PRESET_NAMES } from '../policy/presets.js';
import { BLOCK_BYTES, MAX_MEMORY_BYTES } from '../spec/host-memory.js';
import type { Arch } from '../spec/knobs.js';
import { formatBytes } from '../spec/units.js';
import { PACKAGE } from '../version.js';
import { kernelRefusal, RUNNING_KERNEL } from './kernel.js';
import { defaultMemoryBytes, type FileEvent, type StreamNeeds, streamNeeds } from './memory.js';
import { memoryMaps } from './memory-map.js';
import { inputRefusal } from './refusal.js';
import {
  COMPARE_SCHEMA,
  type InputSummary,
  isRun,
  type MachineFigures,
  type PolicyResult,
  REPLAY_SCHEMA,
  type ResultsDocument,
  type RunSettings,
} from './results.js';
import { type OutcomeSink, runStream } from './run.js';
import { setUpReason } from './set-up.js';
import { timeSpan } from './timeline.js';

/** Ops and where they are from. */
export interface CompareInput {
  readonly path: string;
  readonly format: string;
  readonly stream: OpSource;
  /** Gone through in place of `stream`, several times: an opened input has both, of which only this one need not be in memory. */
  readonly ops?: OpSource | undefined;
  /** VM, gmem file and slot were made around it. Default: false. */
  readonly fitted?: boolean | undefined;
  readonly sha256?: string | undefined;
  /** Keys of a scenario that were set before its ops were made, `key.path=value` each (`Input.set`). */
  readonly set?: readonly string[] | undefined;
}

export interface Progress {
  policy: string;
  /** Position of the policy and how many there are. */
  position: number;
  policies: number;
  /** Ops of this policy that ran, and all of them. */
  done: number;
  total: number;
}

export interface CompareOptions {
  /** Default: every preset. */
  policies?: readonly PolicyInput[] | undefined;
  /** Default: `native`. `kvm` is of replays only: the running kernel is one design. */
  engine?: Engine | undefined;
  /** Default: `snp`, the arch whose guests convert; `none` on the kvm engine. */
  arch?: Arch | undefined;
  /** Default: from the stream, `defaultMemoryBytes`. */
  memoryBytes?: number | undefined;
  /** Unsigned 32-bit, default 0. */
  seed?: number | undefined;
  costs?: CostTable | undefined;
  /** Percentiles of the time an op takes here, in `host`; the native engine only. */
  latency?: boolean | undefined;
  /** Threads that vCPU ops run on, 1 to 64, default 1; more on the native engine only (docs/threads.md). */
  vcpus?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Points of the timeline, default 200; 0 leaves timeline and memory map out. */
  samples?: number | undefined;
}

export interface ReplayOptions extends Omit<CompareOptions, 'policies'> {
  /** Left out with the engine `kvm`, and only there. */
  policy?: PolicyInput | undefined;
  outcomes?: OutcomeSink | undefined;
  /** Check every invariant at the end; what does not hold is in `violations`. */
  verify?: boolean | undefined;
}

type Engine = (typeof ENGINES)[number];

const DEFAULT_SAMPLES = 200;
/** Page contents the engine may hold on this machine. A constant: an outcome must not depend on the machine. */
const RESIDENT_LIMIT_BYTES = 4 * 2 ** 30;

/**
 * Runs `input` under every policy.
 *
 * @throws GmemError `ERR_GMEM_POLICY` for a policy that does not exist or is there twice; one that exists and cannot run is a refused row.
 */
export function compare(input: CompareInput, options: CompareOptions = {}): Promise<ResultsDocument> {
  if (options.engine === 'kvm') {
    throw argumentError(
      `engine: kvm is one design, the running kernel's, accepted: ${SIMULATORS.join(', ')}; replay takes kvm`,
    );
  }
  return runAll(COMPARE_SCHEMA, input, resolvePolicies(options.policies ?? PRESET_NAMES), options, {});
}

/**
 * Runs `input` under one policy, or on the running kernel, with outcomes and verification where asked for. A policy that cannot run
 * it is a refused row, as in a comparison; outcomes asked for are told also then.
 *
 * @throws GmemError `ERR_GMEM_POLICY`; `ERR_GMEM_ARGUMENT` for an option that the running kernel decides.
 */
export function replay(input: CompareInput, options: ReplayOptions): Promise<ResultsDocument> {
  if (options.engine !== 'kvm') {
    return runAll(REPLAY_SCHEMA, input, [resolvePolicy(options.policy as PolicyInput)], options, options);
  }
  const refusal = kernelRefusal(options, (key) => key);
  if (refusal !== undefined) throw argumentError(refusal);
  return runAll(REPLAY_SCHEMA, input, [resolvePolicy(RUNNING_KERNEL)], options, options);
}

async function runAll(
  schema: ResultsDocument['schema'],
  input: CompareInput,
  policies: readonly Policy[],
  options: CompareOptions,
  extras: Pick<ReplayOptions, 'outcomes' | 'verify'>,
): Promise<ResultsDocument> {
  const source = input.ops ?? input.stream;
  const needs = streamNeeds(source);
  const engine = options.engine ?? 'native';
  const vcpus = toVcpus(engine, options.vcpus);
  if (vcpus > 1 && options.latency) {
    throw argumentError('latency: accepted with vcpus 1 only: ops that run side by side are not timed one by one');
  }
  const costs = options.costs ?? DEFAULT_COST_TABLE;
  const settings: RunSettings = {
    arch: options.arch ?? (engine === 'kvm' ? 'none' : 'snp'),
    memory_bytes:
      options.memoryBytes ??
      (engine === 'kvm' ? defaultMemoryBytes(needs.guestBytes) : fittingMemoryBytes(source, needs)),
    seed: options.seed ?? 0,
    contents: needs.readsContents,
    ...(vcpus > 1 ? { vcpus } : {}),
  };
  const results: PolicyResult[] = [];
  let interrupted = false;
  for (const [position, policy] of policies.entries()) {
    if (options.signal?.aborted) {
      interrupted = true;
      break;
    }
    const onProgress = (done: number, total: number): void =>
      options.onProgress?.({ policy: policy.name, position, policies: policies.length, done, total });
    const result = await runPolicy(source, policy, engine, settings, costs, {
      ...options,
      ...extras,
      files: needs.files,
      onProgress,
    });
    results.push(result);
    if ('interrupted' in result || (!isRun(result) && options.signal?.aborted)) interrupted = true;
  }
  return {
    schema,
    tool: { name: PACKAGE.name, version: PACKAGE.version },
    input: summarise(input, needs),
    settings,
    ...(interrupted ? { interrupted: true } : {}),
    results,
    cost_origin: { name: costs.name, ...costs.origin },
    cost_table: Object.values(costs.entries),
    host: machine(),
  };
}

/** @throws GmemError `ERR_GMEM_ARGUMENT` where the guests of a scenario are more than any host: nobody said that they need not fit. */
function fittingMemoryBytes(source: OpSource, { guestBytes, guestBytesPeak }: StreamNeeds): number {
  if (source.makesGuests && guestBytesPeak > MAX_MEMORY_BYTES) {
    const most = `just under ${formatBytes(MAX_MEMORY_BYTES + BLOCK_BYTES)}`;
    throw argumentError(
      `memory: the guests have ${formatBytes(guestBytesPeak)} at one time, the largest simulated host has ${most}. ` +
        'Accepted: smaller guests, or with --memory (machine.hostMemory) a host they do not fit, where ops may answer ENOMEM',
    );
  }
  return defaultMemoryBytes(guestBytes);
}

async function runPolicy(
  stream: OpSource,
  policy: Policy,
  engine: Engine,
  settings: RunSettings,
  costs: CostTable,
  options: Omit<ReplayOptions, 'policy' | 'onProgress'> & {
    files: readonly FileEvent[];
    onProgress: (done: number, total: number) => void;
  },
): Promise<PolicyResult> {
  const unsupported = unsupportedReason(policy.knobs, settings.arch);
  if (unsupported !== undefined) return { policy: policy.name, engine, refused: unsupported };
  const refused = inputRefusal(options.files, policy.knobs, settings.arch, settings.memory_bytes);
  // Who asks what every op answers is told, though the answers add up to no row.
  if (refused !== undefined && options.outcomes === undefined) return { policy: policy.name, engine, refused };
  const resolved = resolveOptions({
    policy,
    engine,
    arch: settings.arch,
    memory: settings.memory_bytes,
    seed: settings.seed,
    contents: settings.contents,
    residentLimit: RESIDENT_LIMIT_BYTES,
    latency: options.latency ?? false,
  });
  const backend = await openBackend(engine, resolved.backend);
  try {
    // The kernel does not say what it did: nothing to sample.
    const samples = engine === 'kvm' ? 0 : (options.samples ?? DEFAULT_SAMPLES);
    const { signal, onProgress, outcomes } = options;
    const report = await runStream(backend, stream, { signal, onProgress, outcomes, vcpus: settings.vcpus, samples });
    if (report.failure !== undefined) {
      return {
        policy: policy.name,
        engine,
        refused: setUpReason(report.failure, engine === 'kvm' ? undefined : settings.memory_bytes),
      };
    }
    if (refused !== undefined) return { policy: policy.name, engine, refused };
    const counters = readCounters(backend);
    return {
      policy: policy.name,
      engine,
      knobs: policy.knobs,
      ops: report.ops,
      ...(report.interrupted ? { interrupted: true } : {}),
      ...(options.verify ? { violations: backend.verify() } : {}),
      counters,
      modelled: model(counters, policy.knobs, costs),
      ...(report.timeline === undefined ? {} : { timeline: report.timeline, memory_map: memoryMaps(backend, stream) }),
      host: {
        engine_ns: report.engineNs,
        ops_per_second: report.engineNs === 0 ? 0 : Math.round((report.ops / report.engineNs) * 1e9),
        ...backend.host(),
      },
    };
  } finally {
    backend.close();
  }
}

function summarise(input: CompareInput, { guestBytes, guestBytesPeak, guests }: StreamNeeds): InputSummary {
  const source = input.ops ?? input.stream;
  const span = timeSpan(source);
  return {
    path: input.path,
    format: input.format,
    ...(input.sha256 === undefined ? {} : { sha256: input.sha256 }),
    ...(input.set === undefined || input.set.length === 0 ? {} : { set: [...input.set] }),
    ops: source.length,
    guest_bytes: guestBytes,
    ...(guests > 1 ? { guests } : {}),
    ...(guestBytesPeak < guestBytes ? { guest_bytes_peak: guestBytesPeak } : {}),
    fitted: input.fitted ?? false,
    ...(span === undefined ? {} : { duration_us: span.last - span.first }),
  };
}

function machine(): MachineFigures {
  const processors = cpus();
  return {
    node: process.version,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cpus: processors.length,
    memory_bytes: totalmem(),
    kernel: release(),
  };
}
