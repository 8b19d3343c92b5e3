/**
 * Outcomes: one fixed-size record an op, filled by every engine alike.
 *
 * A record is 40 bytes, little-endian:
 *
 * | offset | type   | field  | holds                                                                 |
 * |--------|--------|--------|-----------------------------------------------------------------------|
 * | 0      | u16    | errno  | 0 = ok                                                                |
 * | 2      | u8     | exit   | position in `EXITS`                                                   |
 * | 3      | u8     | has    | bit i set = value i is part of the outcome                            |
 * | 4      | u32    | -      | zero                                                                  |
 * | 8      | f64[4] | values | named by the op, `OUTCOME_VALUES`                                     |
 */
import { frozen } from './frozen.js';
import type { OpName } from './ops.js';

export const OUTCOME_BYTES = 40;

/** Exits to userspace an outcome may name. `mmio` is a success whose JSON reads `"mmio":true`. */
export const EXITS = ['none', 'mmio', 'memory-fault', 'rmp-mismatch'] as const;
export type ExitName = (typeof EXITS)[number];

/** Value names, by position. `level` is an order in the record and a name in JSON; `mixed` is 0 or 1. */
export type OutcomeValue =
  | 'pfn'
  | 'order'
  | 'level'
  | 'done'
  | 'code'
  | 'freed'
  | 'zeroed'
  | 'split'
  | 'merged'
  | 'changed'
  | 'gpa'
  | 'offset'
  | 'byte'
  | 'mixed';

/** `done` of a data access counts bytes; of every other op, pages. */
const ACCESS = ['byte', 'mixed', 'done'] as const;

/** Names of the values of each op's outcome. Ops that are not here have none. */
export const OUTCOME_VALUES = frozen({
  fallocate: ['done'],
  punch: ['freed', 'zeroed', 'split', 'offset'],
  fault: ['pfn', 'order', 'level'],
  populate: ['done'],
  validate: ['code'],
  convert: ['changed', 'split', 'merged', 'gpa'],
  'guest-write': ACCESS,
  'guest-read': ACCESS,
  'host-write': ACCESS,
  'host-read': ACCESS,
  'vmm-write': ACCESS,
  'vmm-read': ACCESS,
  pin: ['done'],
  unpin: ['done'],
  split: ['split', 'offset'],
  merge: ['merged', 'offset'],
  touch: ['done'],
} as const satisfies { readonly [K in OpName]?: readonly OutcomeValue[] });

/** Names of the values of an op's outcome, by position; empty for an op that has none. */
export function outcomeValues(op: OpName): readonly OutcomeValue[] {
  return (OUTCOME_VALUES as { readonly [K in OpName]?: readonly OutcomeValue[] })[op] ?? [];
}
