/**
 * A policy: a name and a frozen set of knobs. Users make their own from a preset and the knobs that differ.
 */
import { GmemError } from '../engine/error.js';
import { isVisible, shown } from '../ops/problems.js';
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
 * @throws GmemError `ERR_GMEM_POLICY` for an unknown preset, knob or value; the message lists what is accepted.
 */
export function resolvePolicy(input: PolicyInput): Policy {
  if (typeof input === 'string') return presetPolicy(input);
  if (typeof input !== 'object' || input === null || typeof input.name !== 'string') {
    throw new GmemError('ERR_GMEM_POLICY', 'a policy is a preset name or an object with name and knobs');
  }
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
  const knobs = { ...base, ...checkKnobs(`policy ${input.name}`, input.knobs) };
  return Object.freeze({ name: input.name, knobs: Object.freeze(knobs as Knobs) });
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
      throw new GmemError('ERR_GMEM_POLICY', `${what}: unknown knob ${shown(key)}, accepted: ${KNOB_NAMES.join(', ')}`);
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

function presetPolicy(name: unknown): Policy {
  if (typeof name !== 'string' || !Object.hasOwn(PRESETS, name)) {
    throw new GmemError('ERR_GMEM_POLICY', `unknown policy ${shown(name)}, accepted: ${PRESET_NAMES.join(', ')}`);
  }
  return Object.freeze({ name, knobs: PRESETS[name as PresetName].knobs });
}

export { unsupportedReason } from './supported.js';
