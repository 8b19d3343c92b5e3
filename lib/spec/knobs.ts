/**
 * The policy knobs and their values. A policy is one value for each; the native enum numbers are the positions in these
 * lists. What each knob means is in docs/semantics.md.
 */
import { frozen } from './frozen.js';
import { MOST_BUSY_ATTEMPTS } from './rmp.js';

export const KNOBS = frozen({
  hugepages: ['off', '2M', '1G'],
  fallback: [false, true],
  source: ['buddy', 'pool'],
  byAttributes: [false, true],
  punch: ['split', 'zero', 'keep', 'refuse'],
  vmmPunch: ['exact', 'whole-folio', 'never'],
  conversion: ['discard', 'in-place'],
  keepShared: [false, true],
  sharedOrder: ['4K', 'thp', 'natural'],
  splitTo: ['4K', 'minimal', 'none'],
  merge: ['never', 'eager', 'deferred'],
  promote: ['none', 'rebuild', 'sept'],
  preparedness: ['bitmap', 'state', 'state-early', 'rmp', 'uptodate', 'none'],
  refs: ['counted', 'frozen'],
  pins: ['allow', 'forbid'],
  poison: ['folio', 'page'],
  lock: ['folio', 'invalidate-exclusive', 'invalidate-shared', 'pfn-only', 'dedicated', 'mmu-read', 'mainline'],
  metadata: ['struct-page', 'hvo', 'structless'],
  prepareErrno: ['EINVAL', 'EFAULT'],
} as const);

export type KnobName = keyof typeof KNOBS;
export type KnobValue<K extends KnobName> = (typeof KNOBS)[K][number];
export type Knobs = { readonly [K in KnobName]: KnobValue<K> };
export const KNOB_NAMES = frozen(Object.keys(KNOBS) as readonly KnobName[]);

/** What the guest's hardware does with private memory; chosen per run, not by the policy. */
export const ARCHES = frozen(['none', 'snp', 'tdx', 'pkvm'] as const);
export type Arch = (typeof ARCHES)[number];

/** Run-time switches of the `set` op: the values of each, or the most of one that takes a number from 0. */
export const SWITCHES = {
  hugepages: KNOBS.hugepages,
  /** Attempts of RMPUPDATE and PSMASH that find their entry held by another processor. */
  'rmp-busy': { most: MOST_BUSY_ATTEMPTS },
} as const;
export type SwitchName = keyof typeof SWITCHES;
export const SWITCH_NAMES = Object.keys(SWITCHES) as SwitchName[];

type ValueIn<S> = S extends readonly (infer V)[] ? V : number;
export type SwitchValue<N extends SwitchName> = ValueIn<(typeof SWITCHES)[N]>;

/** The most of each switch as a record holds it: the position of a value, or the number itself. */
export const SWITCH_MOST: readonly number[] = Object.values(SWITCHES).map((values) =>
  'most' in values ? values.most : values.length - 1,
);
