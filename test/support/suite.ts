/**
 * What the differential suite runs under presets: so many ops from a fixed seed, shared out among the policies by what they
 * cost, and evenly among the profiles. Here and not in the test, because the historical faults must be found by these very streams.
 */
import { presetPolicies, type TestPolicy, weightOf } from './policies.js';
import { PROFILE_NAMES, type ProfileName } from './profiles.js';

export const DEFAULT_SEED = 20_251_101;
export const DEFAULT_OPS = 500_000;
/** Ops compared at a time. */
export const CHUNK = 100;
/** Of the ops: under presets from the fixed seed, under random knobs, and from a seed nobody has seen before. */
export const SHARE = { presets: 0.6, custom: 0.25, fresh: 0.15 };

/** One policy under one profile: a test of the suite. */
export interface Pairing {
  readonly policy: TestPolicy;
  readonly profile: ProfileName;
  readonly seed: (stream: number) => number;
  /** Its part of all ops. */
  readonly share: number;
}

export function presetPairings(seed = DEFAULT_SEED): Pairing[] {
  const policies = presetPolicies();
  const weights = policies.reduce((sum, policy) => sum + weightOf(policy), 0);
  return policies.flatMap((policy, p) =>
    PROFILE_NAMES.map((profile, f) => ({
      policy,
      profile,
      seed: (stream) => seed + 10_000 * p + 1000 * f + stream,
      share: (SHARE.presets * weightOf(policy)) / (weights * PROFILE_NAMES.length),
    })),
  );
}

/** Every fourth stream reaches the first engine op by op. */
export function stepwise(stream: number): boolean {
  return stream % 4 === 3;
}

export function nameOfPairing({ policy, profile }: Pairing): string {
  return `${policy.policy}, arch ${policy.arch}, ${profile}`;
}
