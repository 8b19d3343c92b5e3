/**
 * A key of a scenario set from outside: `key.path=value`, the value in YAML, put in place of what the file says or beside it.
 *
 * Invariant: a place that is not there is never made up; only the last key of a path may be new.
 */
import { parseDocument } from 'yaml';
import { shown } from '../ops/problems.js';
import { acceptedAt } from './issues.js';
import { type KeyPath, writtenPath } from './places.js';
import { scenarioSchema } from './schema.js';

/** Puts one `key.path=value` into `root`. @returns the path as written in messages. */
export function override(root: unknown, setting: string): { name: string } | { message: string } {
  const equals = setting.indexOf('=');
  const path = setting
    .slice(0, Math.max(0, equals))
    .trim()
    .replace(/\[([^\]]*)\]/g, '.$1')
    .split('.')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  if (equals < 0 || path.includes('')) {
    return {
      message: `got ${shown(setting)}, accepted: key.path=value, such as machine.memory=64GiB or phases[2].blocks=40`,
    };
  }
  const given = parseDocument(setting.slice(equals + 1), { intAsBigInt: true });
  if (given.errors.length > 0 || /[&*]/.test(setting)) {
    return { message: `${shown(setting.slice(equals + 1))} is no YAML, accepted: a value as the file would have it` };
  }
  let at = root;
  for (const [depth, part] of path.slice(0, -1).entries()) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return noPlace(root, path.slice(0, depth));
    at = (at as Record<PropertyKey, unknown>)[part];
  }
  const last = path.at(-1) as string | number;
  const fits = Array.isArray(at) ? typeof last === 'number' && last < at.length : typeof at === 'object' && at !== null;
  if (!fits) return noPlace(root, path.slice(0, -1));
  Object.defineProperty(at, last, { value: given.toJS(), writable: true, enumerable: true, configurable: true });
  return { name: writtenPath(path) };
}

/** What may be set in what is there. */
function noPlace(root: unknown, there: KeyPath): { message: string } {
  const accepted = acceptedAt(scenarioSchema, there, root);
  const where = there.length === 0 ? 'the scenario' : writtenPath(there);
  return {
    message: `there is no such place in the scenario, accepted${accepted === '' ? ': a key that is there' : ` in ${where}: ${accepted}`}`,
  };
}
