/**
 * The presets: one design of the discussion each, as knobs; `origin` says who proposed it.
 */
import type { Knobs } from '../spec/knobs.js';

const COMMON: Knobs = {
  hugepages: 'off',
  fallback: true,
  source: 'buddy',
  byAttributes: false,
  punch: 'split',
  vmmPunch: 'exact',
  conversion: 'discard',
  keepShared: false,
  sharedOrder: 'thp',
  splitTo: '4K',
  merge: 'never',
  promote: 'none',
  preparedness: 'none',
  refs: 'counted',
  pins: 'allow',
  poison: 'folio',
  lock: 'invalidate-exclusive',
  metadata: 'struct-page',
  prepareErrno: 'EINVAL',
};

export interface Preset {
  readonly origin: string;
  readonly knobs: Knobs;
}

function preset(origin: string, knobs: Partial<Knobs>): Preset {
  return Object.freeze({ origin, knobs: Object.freeze({ ...COMMON, ...knobs }) });
}

export const PRESETS = {
  'base-bitmap': preset('Bonzini, Nov 2024: a prepared bit a page, folio lock', {
    preparedness: 'bitmap',
    lock: 'folio',
  }),
  'mainline-6.18': preset('Linux 6.18: folio uptodate means prepared', {
    preparedness: 'uptodate',
    lock: 'folio',
  }),
  'mainline-next': preset('Linux after Nov 2025: no tracking, an idempotent hook on every fault', {
    preparedness: 'none',
    lock: 'mainline',
  }),
  'rfc-thp': preset('Roth, Dec 2024: 2M folios with 4K fallback and a prepared bitmap', {
    hugepages: '2M',
    splitTo: '4K',
    preparedness: 'bitmap',
    lock: 'invalidate-exclusive',
    poison: 'page',
    prepareErrno: 'EFAULT',
  }),
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];
