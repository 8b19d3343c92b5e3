/** Names in a scenario: whom a phase is of, and that no two guests and no two rows of a report are called alike. */
import { PRESET_NAMES } from '../policy/presets.js';
import type { Problem } from './issues.js';
import type { Understood } from './understood.js';

export function checkNames({ guests, policies, phases }: Understood, problems: Problem[]): void {
  const names = (guests ?? []).map(({ name }) => name);
  for (const [i, name] of names.entries()) {
    if (name === undefined || names.indexOf(name) === i) continue;
    problems.push({ path: ['guests', i, 'name'], message: `there is a guest ${name} already, accepted: another name` });
  }
  // A guest whose name is not known may be the one that is meant.
  if (guests !== undefined && !names.includes(undefined)) {
    for (const [p, { guest }] of phases.entries()) {
      if (typeof guest !== 'object' || names.includes(guest.name)) continue;
      const message = `no guest ${guest.name}, accepted: ${[...new Set(names)].join(', ')}`;
      problems.push({ path: ['phases', p, 'guest'], message });
    }
  }
  const taken = new Set<string>();
  for (const [i, { name, preset }] of policies.entries()) {
    if (name === undefined) continue;
    const path = preset ? ['policies', i] : ['policies', i, 'name'];
    if (!preset && (PRESET_NAMES as readonly string[]).includes(name)) {
      problems.push({ path, message: `${name} is the name of a preset, accepted: another name` });
    } else if (taken.has(name)) {
      const accepted = preset ? 'each preset once' : 'another name';
      problems.push({ path, message: `there is a policy ${name} already, accepted: ${accepted}` });
    }
    taken.add(name);
  }
}
