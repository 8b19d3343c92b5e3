/**
 * The running kernel as what a replay runs: one design, its own, on this machine. What describes a simulated host has no effect on
 * it; where such an option is given all the same, the result would be labelled as of another design, so it is refused.
 */
import type { PolicyInput } from '../policy/policy.js';

/** Its row, on the arch `none`. */
export const RUNNING_KERNEL: PolicyInput = Object.freeze({ name: 'running-kernel', knobs: {} });

/** Options the kernel decides, or that are about what it does not tell: as the package and as the command call them. */
const DECIDED = {
  policy: '--policy',
  policies: '--policies',
  arch: '--arch',
  memoryBytes: '--memory',
  seed: '--seed',
  costs: '--cost',
} as const;

type Decided = { readonly [key in keyof typeof DECIDED]?: unknown };

/** Keys of a scenario that say what the host is; the others make its ops. */
const HOST_KEY = /^\s*(?:machine\.(?:arch|hostMemory)|policies)(?![\w-])/;

/** Why options do not go with engine `kvm`, or `undefined` when they do. */
export function kernelRefusal(given: Decided, call: (key: keyof typeof DECIDED) => string): string | undefined {
  const keys = (Object.keys(DECIDED) as (keyof typeof DECIDED)[]).filter((key) => given[key] !== undefined);
  return keys.length === 0 ? undefined : decided(keys.map(call).join(', '));
}

/** The same for the options of the command, and for keys of a scenario set by it. */
export function kernelFlagRefusal(given: Decided, settings: readonly string[]): string | undefined {
  const key = settings.map((text) => text.split('=', 1)[0] as string).find((name) => HOST_KEY.test(name));
  return kernelRefusal(given, (name) => DECIDED[name]) ?? (key === undefined ? key : decided(`--set ${key.trim()}`));
}

function decided(what: string): string {
  return `${what}: with engine kvm the running kernel decides, accepted: without`;
}
