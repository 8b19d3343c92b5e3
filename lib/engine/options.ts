/**
 * What a user asks of an engine: options, their defaults and limits. Knows no engine, so that who only needs the names
 * does not load one.
 */
import { type Policy, type PolicyInput, resolvePolicy, unsupportedReason } from '../policy/policy.js';
import { frozen } from '../spec/frozen.js';
import { BLOCK_BYTES, MAX_MEMORY_BYTES } from '../spec/host-memory.js';
import { ARCHES, type Arch } from '../spec/knobs.js';
import { SIMD_CHOICES, type SimdChoice } from '../spec/simd.js';
import { formatBytes } from '../spec/units.js';
import {
  argumentError,
  checkKeys,
  orDefault,
  type Size,
  toBoolean,
  toBytes,
  toChoice,
  toInteger,
} from './arguments.js';
import type { BackendOptions, EngineKind } from './backend.js';
import { GmemError } from './error.js';

/** The engines there are: two that simulate, and the running kernel itself. */
export const ENGINES = frozen(['native', 'reference', 'kvm'] as const satisfies readonly EngineKind[]);
/** Engines that count: what a comparison is made of. */
export const SIMULATORS = frozen(ENGINES.filter((engine) => engine !== 'kvm'));

export interface EngineOptions {
  /** A preset's name, or a policy of one's own. */
  readonly policy: PolicyInput;
  /** Simulated host memory; rounded down to 2 MiB. */
  readonly memory: Size;
  /** Default `native`. `kvm` takes no notice of policy, memory, arch and seed: the kernel is what it is. */
  readonly engine?: EngineKind;
  /** Default `none`. */
  readonly arch?: Arch;
  /** Seed of the engine's own pseudo-random choices (`pressure`), unsigned 32-bit. Default 0. */
  readonly seed?: number;
  /** Keep real page contents. Default true; false for pure metadata runs, where a read answers ENODATA. */
  readonly contents?: boolean;
  /**
   * Page contents that may be resident on this machine before a write answers ENOMEM. Default: half of the memory that
   * is available to this process now.
   */
  readonly residentLimit?: Size;
  /**
   * Instruction set of the native engine's scans: every one gives the same results. Default: the environment's `GMEM_SIMD`, else
   * `auto`, the widest that the CPU has.
   */
  readonly simd?: SimdChoice;
  /** Time every 61st op of a batch and tell the percentiles in `host()`; the native engine only. Default false. */
  readonly latency?: boolean;
}

const OPTION_KEYS = [
  'policy',
  'memory',
  'engine',
  'arch',
  'seed',
  'contents',
  'residentLimit',
  'simd',
  'latency',
] as const;

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly engine: EngineKind;
  readonly policy: Policy;
  readonly backend: BackendOptions;
}

/**
 * Fills in the defaults.
 *
 * @throws GmemError `ERR_GMEM_ARGUMENT` for an unknown option or a value out of range, `ERR_GMEM_POLICY` for a policy
 * that does not exist.
 */
export function resolveOptions(options: EngineOptions): ResolvedOptions {
  const given = checkKeys('engine options', options, OPTION_KEYS);
  if (given.policy === undefined) throw argumentError('policy: missing, accepted: a preset name or a policy');
  if (given.memory === undefined) throw argumentError('memory: missing, accepted: bytes, or text like "8GiB"');
  const memory = toMemory('memory', given.memory);
  const limit = toBytes('residentLimit', orDefault(given.residentLimit, Math.floor(process.availableMemory() / 2)));
  if (limit < 0) throw argumentError(`residentLimit: ${limit} is not accepted, accepted: bytes from 0`);
  const policy = resolvePolicy(given.policy as PolicyInput);
  return Object.freeze({
    engine: toChoice('engine', orDefault(given.engine, 'native'), ENGINES),
    policy,
    backend: Object.freeze({
      knobs: policy.knobs,
      arch: toChoice('arch', orDefault(given.arch, 'none'), ARCHES),
      memoryBytes: memory - (memory % BLOCK_BYTES),
      contents: toBoolean('contents', orDefault(given.contents, true)),
      residentLimitBytes: limit,
      seed: toInteger('seed', orDefault(given.seed, 0), 0, 0xffffffff),
      simd: toSimd(given.simd),
      latency: toLatency(given.latency, orDefault(given.engine, 'native')),
    }),
  });
}

/** Bytes of a simulated host. @throws GmemError `ERR_GMEM_ARGUMENT` where there is none of that size. */
export function toMemory(what: string, given: unknown): number {
  const memory = toBytes(what, given);
  if (memory < BLOCK_BYTES || memory > MAX_MEMORY_BYTES) {
    const range = `${formatBytes(BLOCK_BYTES)} to just under ${formatBytes(MAX_MEMORY_BYTES + BLOCK_BYTES)}`;
    throw argumentError(`${what}: ${formatBytes(memory)} is not accepted, accepted: ${range}`);
  }
  return memory;
}

function toLatency(given: unknown, engine: unknown): boolean {
  const wanted = toBoolean('latency', orDefault(given, false));
  if (wanted && engine !== 'native') throw argumentError('latency: accepted with engine native only');
  return wanted;
}

/** An empty variable counts as none. */
function toSimd(given: unknown): SimdChoice {
  if (given !== undefined) return toChoice('simd', given, SIMD_CHOICES);
  return toChoice('GMEM_SIMD', process.env.GMEM_SIMD || 'auto', SIMD_CHOICES);
}

/**
 * An engine's name, when it is one that can run these knobs on this arch. The running kernel has knobs of its own.
 *
 * @throws GmemError `ERR_GMEM_ARGUMENT`, `ERR_GMEM_POLICY`.
 */
export function checkRunnable(kind: EngineKind, options: BackendOptions): EngineKind {
  const engine = toChoice<EngineKind>('engine', kind, ENGINES);
  const reason = engine === 'kvm' ? undefined : unsupportedReason(options.knobs, options.arch);
  if (reason !== undefined) throw new GmemError('ERR_GMEM_POLICY', reason);
  return engine;
}
