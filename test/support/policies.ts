/**
 * The policies the tests run under: every preset, and random knob combinations the engines take.
 */
import { unsupportedReason } from '../../lib/policy/policy.js';
import { PRESET_NAMES, PRESETS } from '../../lib/policy/presets.js';
import { ARCHES, type Arch, KNOB_NAMES, KNOBS, type Knobs } from '../../lib/spec/knobs.js';
import type { Random } from './prng.js';

export interface TestPolicy {
  readonly policy: string;
  readonly knobs: Knobs;
  readonly arch: Arch;
}

/** Presets on every arch that runs them. */
export function presetPolicies(): TestPolicy[] {
  return PRESET_NAMES.flatMap((policy) => {
    const { knobs } = PRESETS[policy];
    return ARCHES.filter((arch) => unsupportedReason(knobs, arch) === undefined).map((arch) => ({
      policy,
      knobs,
      arch,
    }));
  });
}

/** Every op of the reference on a 1G page is a walk over 262 144 of them: such policies get fewer and shorter streams. */
export function isGiant({ knobs }: TestPolicy): boolean {
  return knobs.hugepages === '1G';
}

/** Ops of one stream. */
export function streamOps(policy: TestPolicy): number {
  return isGiant(policy) ? 120 : 300;
}

/** Part of a budget of ops that a policy gets, beside one with 1. */
export function weightOf(policy: TestPolicy): number {
  return isGiant(policy) ? 0.3 : 1;
}

/** Any knobs on any arch that the engines accept. */
export function customPolicy(random: Random): TestPolicy {
  for (;;) {
    const arch = random.pick(ARCHES);
    const knobs: Record<string, unknown> = { ...PRESETS[random.pick(PRESET_NAMES)].knobs };
    if (random.chance(0.7)) knobs.hugepages = '2M';
    else if (knobs.splitTo === '4K' && random.chance(0.4)) knobs.splitTo = 'minimal';
    for (const name of KNOB_NAMES) {
      // Knob by knob, so that a value that is not supported is not paid for by a whole combination.
      if (!random.chance(0.5) || name === 'hugepages') continue;
      const before = knobs[name];
      knobs[name] = random.pick(KNOBS[name] as readonly unknown[]);
      if (unsupportedReason(knobs as unknown as Knobs, arch) !== undefined) knobs[name] = before;
    }
    // Rare together by chance: mappings that grow after merges, or folios that split under them.
    const growing = { promote: arch === 'tdx' ? 'sept' : 'rebuild', refs: random.pick(KNOBS.refs) };
    const waits = knobs.conversion === 'in-place' && random.chance(0.6) ? { merge: 'deferred' } : {};
    if (random.chance(0.3)) Object.assign(knobs, growing, waits);
    if (unsupportedReason(knobs as unknown as Knobs, arch) === undefined) {
      return { policy: 'custom', knobs: knobs as unknown as Knobs, arch };
    }
  }
}
