/**
 * The designs that can be named on the command line: the presets, and those a scenario defines for itself.
 */
import type { PolicyInput } from '../policy/policy.js';
import { PRESET_NAMES, PRESETS } from '../policy/presets.js';
import { openInput } from '../trace/input.js';
import type { Setting } from '../trace/setting.js';
import { UsageError } from './exit.js';
import { unknownName } from './options.js';

/**
 * Refuses a name that nothing has before anything runs. Only a name that is no preset makes it look into the input, where
 * problems are left for whoever reads it in earnest.
 */
export async function checkNames(
  option: string,
  names: readonly string[] | undefined,
  path: string,
  settings: readonly Setting[] | undefined,
): Promise<void> {
  if (names === undefined || names.every(isPreset)) return;
  let own: readonly PolicyInput[] | undefined;
  try {
    // What stdin has can be read once only.
    own = path === '-' ? undefined : (await openInput(path, { settings })).wishes.policies;
  } catch {
    own = undefined;
  }
  designs(option, names, own);
}

/** The designs of these names; `own`: what the scenario names, its own among them. */
export function designs(
  option: string,
  names: readonly string[],
  own: readonly PolicyInput[] | undefined,
): PolicyInput[] {
  const defined = new Map<string, PolicyInput>();
  for (const policy of own ?? []) if (typeof policy !== 'string') defined.set(policy.name, policy);
  return names.map((name) => {
    if (isPreset(name)) return name;
    const design = defined.get(name);
    if (design !== undefined) return design;
    throw new UsageError(`${option}: ${unknownName(name, [...PRESET_NAMES, ...defined.keys()])}`);
  });
}

function isPreset(name: string): name is keyof typeof PRESETS {
  return Object.hasOwn(PRESETS, name);
}
