/** What a schema found wrong with a value of a document, in the project's words: what is there, and what is accepted. */
import type { z } from 'zod';
import { shown } from '../ops/problems.js';
import { didYouMean } from '../ops/suggest.js';
import type { KeyPath } from './path.js';

type Issue = z.core.$ZodIssue;

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true, false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  null: 'null',
};

/** `got 5, accepted: text` */
export function explain(issue: Issue, root: unknown): string {
  const value = valueAt(root, issue.path);
  const accepted = acceptedBy(issue);
  const names = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const hint = typeof value === 'string' ? didYouMean(value, names) : '';
  const got = value === undefined ? 'missing' : `got ${shown(value)}`;
  return `${got}${hint}, accepted: ${accepted}`;
}

/** What is accepted in place of the value of an issue. */
export function acceptedBy(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => (typeof value === 'string' ? value : shown(value))).join(', ');
    case 'too_small':
      if (issue.origin === 'string') return 'text that is not empty';
      if (issue.origin === 'array') return `a list of ${issue.minimum}${issue.exact ? '' : ' or more'}`;
      return `a number ${issue.inclusive ? 'from' : 'above'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `a list of ${issue.maximum}${issue.exact ? '' : ' or fewer'}`;
      return `a number up to ${issue.maximum}`;
    case 'invalid_format':
      return issue.format === 'datetime' ? 'a date and time such as 2026-01-02T03:04:05.678Z' : issue.message;
    case 'invalid_union': {
      const each = issue.errors.flatMap(([first]) => (first === undefined ? [] : [acceptedBy(first)]));
      return [...new Set(each)].join(', or ');
    }
    default:
      return issue.message;
  }
}

export function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}
