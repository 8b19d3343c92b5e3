/**
 * The presets: one design of the discussion each, as knobs; `origin` says who proposed it.
 */
import { frozen } from '../spec/frozen.js';
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

/** 2M folios by discard or in place, whatever the allocator gives; poison takes a page, as such folios can be split. */
const BUDDY_2M = { hugepages: '2M', poison: 'page' } as const satisfies Partial<Knobs>;
const IN_PLACE_4K = { conversion: 'in-place', sharedOrder: '4K' } as const satisfies Partial<Knobs>;
const POOL = { source: 'pool', fallback: false } as const satisfies Partial<Knobs>;
const HUGETLB = {
  ...POOL,
  ...IN_PLACE_4K,
  punch: 'zero',
  merge: 'eager',
  metadata: 'hvo',
} as const satisfies Partial<Knobs>;
const NATURAL = {
  ...POOL,
  hugepages: '1G',
  punch: 'zero',
  conversion: 'in-place',
  sharedOrder: 'natural',
  splitTo: 'none',
  lock: 'dedicated',
} as const satisfies Partial<Knobs>;
/** Huge only where attributes are uniform, so a folio is never shared in part. */
const BY_ATTRIBUTES = {
  ...BUDDY_2M,
  byAttributes: true,
  sharedOrder: '4K',
  lock: 'invalidate-shared',
} as const satisfies Partial<Knobs>;

export const PRESETS = frozen({
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
  'inplace-v6': preset('Google and AMD, 2026: conversion in place, 4K folios only', IN_PLACE_4K),
  'rfc-thp': preset('Roth, Dec 2024: 2M folios with 4K fallback and a prepared bitmap', {
    ...BUDDY_2M,
    preparedness: 'bitmap',
    prepareErrno: 'EFAULT',
  }),
  'vmm-aligned': preset('Roth, Dec 2024, cover letter: rfc-thp under a VMM that punches whole 2M folios only', {
    ...BUDDY_2M,
    vmmPunch: 'whole-folio',
    preparedness: 'bitmap',
    prepareErrno: 'EFAULT',
  }),
  'thp-keep': preset('Roth, Feb 2025: 2M folios converted in place, a partial punch keeps pages, a prepared state', {
    ...BUDDY_2M,
    ...IN_PLACE_4K,
    punch: 'keep',
    preparedness: 'state',
  }),
  'prep-early': preset('Annapurve, Feb 2025: pages prepared when allocated or converted, not at fault', {
    ...BUDDY_2M,
    ...IN_PLACE_4K,
    punch: 'keep',
    preparedness: 'state-early',
  }),
  'buddy-2m-zero': preset('Hildenbrand, Dec 2024: 2M folios or nothing, a partial punch zeroes', {
    ...BUDDY_2M,
    fallback: false,
    punch: 'zero',
    preparedness: 'bitmap',
  }),
  'pool-2m': preset('Hildenbrand, Jan and Feb 2025: a pool of 2M pages, partial punches refused', {
    ...POOL,
    ...IN_PLACE_4K,
    hugepages: '2M',
    punch: 'refuse',
    merge: 'eager',
    lock: 'dedicated',
  }),
  'hugetlb-2m': preset('Tng, 2025: hugetlb pages of 2M, split where shared, merged when private again', {
    ...HUGETLB,
    hugepages: '2M',
  }),
  'hugetlb-1g': preset('Tng, 2025: hugetlb pages of 1G, split where shared, merged when private again', {
    ...HUGETLB,
    hugepages: '1G',
  }),
  'private-thp-shared-4k': preset(
    'Zhao, Mar 2025: 2M folios where all of it is of one kind, shared copies of 4K',
    BY_ATTRIBUTES,
  ),
  'vfio-pinned': preset('private-thp-shared-4k with a device: shared copies stay, memory is held twice', {
    ...BY_ATTRIBUTES,
    keepShared: true,
  }),
  'linear-1g': preset('Gunthorpe and Hildenbrand, Jun 2024: 1G pages that are never split, no pins on gmem', {
    ...NATURAL,
    preparedness: 'state',
    pins: 'forbid',
  }),
  structless: preset('Annapurve, Jul 2025: 1G pages without struct pages but for what is shared', {
    ...NATURAL,
    refs: 'frozen',
    metadata: 'structless',
  }),
} as const satisfies Record<string, Preset>);

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = frozen(Object.keys(PRESETS) as readonly PresetName[]);
