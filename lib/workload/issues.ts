/**
 * What zod found wrong, in the project's words: what is wrong, what is accepted, and what was probably meant.
 */
import { z } from 'zod';
import { valueAt } from '../document/explain.js';
import { shown } from '../ops/problems.js';
import { didYouMean } from '../ops/suggest.js';
import type { KeyPath } from './places.js';

export interface Problem {
  readonly path: KeyPath;
  /** The key at fault is not accepted at all: the place is its own, not its value's. */
  readonly key?: string;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** Every problem of one issue. */
export function problemsOf(issue: Issue, schema: z.ZodType, root: unknown): Problem[] {
  const value = valueAt(root, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const accepted = acceptedKeys(schema, issue.path, root);
    return issue.keys.map((key) => ({
      path: issue.path,
      key,
      message: `unknown key${didYouMean(key, accepted)}, accepted: ${accepted.join(', ')}`,
    }));
  }
  if (issue.code === 'invalid_union' && 'discriminator' in issue) {
    const names = (issue as { options?: unknown[] }).options?.map(String) ?? [];
    const hint = typeof value === 'string' ? didYouMean(value, names) : '';
    const got = value === undefined ? 'missing' : `unknown ${shown(value)}`;
    return [{ path: issue.path, message: `${got}${hint}, accepted: ${names.join(', ')}` }];
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0 && typeof value === 'object' && value !== null) {
    // Of a union of text and object, an object's own problems are the ones of interest.
    const inner = issue.errors.find((errors) =>
      errors.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
    );
    if (inner !== undefined) {
      return inner.flatMap((one) => problemsOf({ ...one, path: [...issue.path, ...one.path] } as Issue, schema, root));
    }
  }
  if (issue.code === 'invalid_value' && issue.values.length > 0) {
    const accepted = issue.values.map(String);
    const hint = typeof value === 'string' ? didYouMean(value, accepted) : '';
    const got = value === undefined ? 'missing' : `got ${shown(value)}`;
    return [{ path: issue.path, message: `${got}${hint}, accepted: ${accepted.join(', ')}` }];
  }
  if (issue.code === 'invalid_type') {
    const own = issue.message.startsWith('Invalid input') ? undefined : issue.message;
    const accepted = { object: 'a mapping of keys', array: 'a list' }[issue.expected as string] ?? issue.expected;
    const got = value === undefined ? 'missing' : `got ${shown(value)}`;
    return [{ path: issue.path, message: own ?? `${got}, accepted: ${accepted}` }];
  }
  if (issue.code === 'too_small' && issue.origin === 'array') {
    return [{ path: issue.path, message: `has too few entries, accepted: at least ${issue.minimum}` }];
  }
  if (issue.code === 'too_big' && issue.origin === 'array') {
    return [{ path: issue.path, message: `has too many entries, accepted: at most ${issue.maximum}` }];
  }
  return [{ path: issue.path, message: issue.message }];
}

/** What may stand behind a path: keys of a mapping, positions in a list. Empty where nothing may. */
export function acceptedAt(schema: z.ZodType, path: KeyPath, root: unknown): string {
  const value = valueAt(root, path);
  if (!Array.isArray(value)) return acceptedKeys(schema, path, root).join(', ');
  return value.length === 0 ? '' : value.length === 1 ? '[0]' : `[0] to [${value.length - 1}]`;
}

/** Keys of the mapping a path leads to. */
function acceptedKeys(schema: z.ZodType, path: KeyPath, root: unknown): string[] {
  let at: z.ZodType | undefined = schema;
  let value: unknown = root;
  for (const part of path) {
    at = objectOf(at, value);
    if (at instanceof z.ZodArray) at = at.element as z.ZodType;
    else if (at instanceof z.ZodObject) at = at.shape[part as string] as z.ZodType | undefined;
    value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  }
  const object = objectOf(at, value);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

/** The object or array within defaults, options and unions; of a discriminated union the one `value` names. */
function objectOf(schema: z.ZodType | undefined, value: unknown): z.ZodType | undefined {
  let at = schema;
  for (;;) {
    if (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault) {
      at = at.unwrap() as z.ZodType;
    } else if (at instanceof z.ZodUnion) {
      const options = at.options as z.ZodType[];
      const objects = options.filter((option): option is z.ZodObject => option instanceof z.ZodObject);
      at =
        objects.find((option) => {
          const name = (option.shape as Record<string, z.ZodType>).phase;
          return name instanceof z.ZodLiteral && name.value === (value as { phase?: unknown } | null)?.phase;
        }) ?? objects[0];
    } else return at;
  }
}
