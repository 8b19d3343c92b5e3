/**
 * A policy: a name and a frozen set of knobs. Users make their own from a preset and the knobs that differ.
 */
import { GmemError } from '../engine/error.js';
import { isVisible, shown } from '../ops/problems.js';
import { didYouMean } from '../ops/suggest.js';
import { KNOB_NAMES, KNOBS, type KnobName, type Knobs } from '../spec/knobs.js';
import { PRESET_NAMES, PRESETS, type PresetName } from './presets.js';

export interface Policy {
  readonly name: string;
  readonly knobs: Knobs;
}

/** What a user may give where a policy is wanted: a preset's name, or a name with the knobs that differ from `base`. */
export type PolicyInput =
  | PresetName
  | Policy
  | { readonly name: string; readonly base?: PresetName; readonly knobs: Partial<Knobs> };

const POLICY_KEYS: readonly string[] = ['name', 'base', 'knobs'];

/**
 * Resolves a policy.
 *
 * @throws GmemError `ERR_GMEM_POLICY` for an unknown preset, knob or value, no name, or a preset's name on other knobs than the
 *   preset's; the message lists what is accepted.
 */
export function resolvePolicy(input: PolicyInput): Policy {
  if (typeof input === 'string') return presetPolicy(input);
  if (typeof input !== 'object' || input === null || typeof input.name !== 'string') {
    throw new GmemError('ERR_GMEM_POLICY', 'a policy is a preset name or an object with name and knobs');
  }
  if (input.name === '') throw new GmemError('ERR_GMEM_POLICY', 'policy: name: "" is not accepted, accepted: a name');
  if (!isVisible(input.name)) {
    throw new GmemError(
      'ERR_GMEM_POLICY',
      `policy ${shown(input.name)}: name: accepted: text without control characters`,
    );
  }
  for (const key of Object.keys(input)) {
    if (!POLICY_KEYS.includes(key)) {
      throw new GmemError(
        'ERR_GMEM_POLICY',
        `policy ${input.name}: unknown key ${shown(key)}, accepted: ${POLICY_KEYS.join(', ')}`,
      );
    }
  }
  const base = presetPolicy('base' in input && input.base !== undefined ? input.base : 'mainline-6.18').knobs;
  const knobs = { ...base, ...checkKnobs(`policy ${input.name}`, input.knobs) } as Knobs;
  if (isPreset(input.name)) {
    // What was resolved before comes back as it went.
    const own: Knobs = PRESETS[input.name].knobs;
    if (KNOB_NAMES.every((knob) => knobs[knob] === own[knob])) return presetPolicy(input.name);
    throw new GmemError(
      'ERR_GMEM_POLICY',
      `policy ${input.name}: ${input.name} is the name of a preset of other knobs, accepted: another name`,
    );
  }
  return Object.freeze({ name: input.name, knobs: Object.freeze(knobs) });
}

/**
 * Resolves the policies of a comparison, whose rows are told apart by their names.
 *
 * @throws GmemError `ERR_GMEM_POLICY`, as `resolvePolicy`, and for two of one name.
 */
export function resolvePolicies(inputs: readonly PolicyInput[]): Policy[] {
  const policies = inputs.map(resolvePolicy);
  const taken = new Set<string>();
  for (const { name } of policies) {
    if (taken.has(name)) {
      const accepted = isPreset(name) ? 'each preset once' : 'another name';
      throw new GmemError('ERR_GMEM_POLICY', `there is a policy ${name} already, accepted: ${accepted}`);
    }
    taken.add(name);
  }
  return policies;
}

/**
 * The knobs of an object, checked, and that none of `needed` is missing.
 *
 * @throws GmemError `ERR_GMEM_POLICY`, its message begins with `what`.
 */
export function checkKnobs(what: string, given: unknown, needed: readonly KnobName[] = []): Partial<Knobs> {
  if (typeof given !== 'object' || given === null) {
    throw new GmemError('ERR_GMEM_POLICY', `${what}: knobs: accepted: an object of ${KNOB_NAMES.join(', ')}`);
  }
  const knobs: Partial<Record<KnobName, unknown>> = { ...given };
  for (const key of Object.keys(knobs)) {
    if (!KNOB_NAMES.includes(key as KnobName)) {
      throw new GmemError(
        'ERR_GMEM_POLICY',
        `${what}: unknown knob ${shown(key)}${didYouMean(key, KNOB_NAMES)}, accepted: ${KNOB_NAMES.join(', ')}`,
      );
    }
    checkKnob(what, key as KnobName, knobs[key as KnobName]);
  }
  for (const key of needed) checkKnob(what, key, knobs[key]);
  return knobs as Partial<Knobs>;
}

function checkKnob(what: string, knob: KnobName, value: unknown): void {
  const accepted: readonly unknown[] = KNOBS[knob];
  if (accepted.includes(value)) return;
  throw new GmemError(
    'ERR_GMEM_POLICY',
    `${what}: ${knob} cannot be ${shown(value)}, accepted: ${accepted.join(', ')}`,
  );
}

function isPreset(name: unknown): name is PresetName {
  return typeof name === 'string' && Object.hasOwn(PRESETS, name);
}

function presetPolicy(name: unknown): Policy {
  if (!isPreset(name)) {
    throw new GmemError(
      'ERR_GMEM_POLICY',
      `unknown policy ${shown(name)}${typeof name === 'string' ? didYouMean(name, PRESET_NAMES) : ''}, accepted: ${PRESET_NAMES.join(', ')}`,
    );
  }
  return Object.freeze({ name, knobs: PRESETS[name].knobs });
}

export { unsupportedReason } from '../spec/supported.js';
