/**
 * Which knobs the simulating engines can run together, and why not the others (docs/semantics-designs.md, at the top).
 */
import type { Arch, Knobs } from '../spec/knobs.js';

interface Refusal {
  readonly when: (knobs: Knobs, arch: Arch) => boolean;
  readonly reason: string;
}

const inPlace = (knobs: Knobs): boolean => knobs.conversion === 'in-place';
const huge = (knobs: Knobs): boolean => knobs.hugepages !== 'off';
const pool = (knobs: Knobs): boolean => knobs.source === 'pool';
const natural = (knobs: Knobs): boolean => knobs.sharedOrder === 'natural';

const REFUSALS: readonly Refusal[] = [
  { when: (_, arch) => arch === 'tdx', reason: 'arch tdx is not simulated, there are: none, snp, pkvm' },
  {
    when: (knobs, arch) => arch === 'pkvm' && !inPlace(knobs),
    reason: 'arch pkvm needs conversion in-place: its conversions preserve contents, and discard drops them',
  },
  {
    when: (knobs) => pool(knobs) && !huge(knobs),
    reason: 'source pool needs hugepages 2M or 1G: a pool holds huge pages',
  },
  { when: (knobs) => pool(knobs) && !inPlace(knobs), reason: 'source pool needs conversion in-place' },
  {
    when: (knobs) => pool(knobs) && knobs.fallback,
    reason: 'source pool needs fallback false: a pool holds pages of one size',
  },
  {
    when: (knobs) => pool(knobs) && knobs.punch === 'split',
    reason:
      'source pool takes whole huge pages back: punch split is not simulated with it, there are: zero, keep, refuse',
  },
  { when: (knobs) => knobs.hugepages === '1G' && !pool(knobs), reason: 'hugepages 1G needs source pool' },
  {
    when: (knobs) => knobs.punch === 'refuse' && !huge(knobs),
    reason: 'punch refuse needs hugepages 2M or 1G: it refuses what is no whole huge page',
  },
  { when: (knobs) => natural(knobs) && !inPlace(knobs), reason: 'sharedOrder natural needs conversion in-place' },
  {
    when: (knobs) => knobs.splitTo !== '4K' && !inPlace(knobs),
    reason: 'splitTo minimal and none need conversion in-place: by discard folios are split to 4K',
  },
  {
    when: (knobs) => natural(knobs) !== (knobs.splitTo === 'none'),
    reason: 'sharedOrder natural and splitTo none go together: either nothing is split or shared folios are 4K',
  },
  {
    when: (knobs) => natural(knobs) && knobs.punch === 'split' && huge(knobs),
    reason: 'sharedOrder natural splits nothing: punch split is not simulated with it, there are: zero, keep, refuse',
  },
  {
    when: (knobs) => knobs.splitTo === 'minimal' && knobs.hugepages !== '1G',
    reason: 'splitTo minimal needs hugepages 1G: a 2M folio can only go to 4K',
  },
  { when: (knobs) => knobs.merge === 'deferred', reason: 'merge deferred is not simulated, there are: never, eager' },
  {
    when: (knobs) => knobs.merge === 'eager' && !inPlace(knobs),
    reason: 'merge eager needs conversion in-place: by discard there is nothing left to merge',
  },
  {
    when: (knobs) => knobs.merge === 'eager' && natural(knobs),
    reason: 'merge eager and sharedOrder natural exclude each other: nothing is split, so nothing is merged',
  },
  { when: (knobs) => knobs.promote !== 'none', reason: 'promote rebuild and sept are not simulated, there is: none' },
  {
    when: (knobs) => knobs.metadata === 'hvo' && !pool(knobs),
    reason: 'metadata hvo needs source pool: only pages of a pool give up their vmemmap',
  },
  {
    when: (knobs) => knobs.metadata === 'structless' && !natural(knobs),
    reason: 'metadata structless needs sharedOrder natural: what is split needs struct pages',
  },
  {
    when: (knobs) => knobs.preparedness === 'uptodate' && (huge(knobs) || inPlace(knobs)),
    reason: 'preparedness uptodate needs hugepages off and conversion discard: it is one flag a folio',
  },
  {
    when: (knobs) => knobs.preparedness === 'state-early' && !inPlace(knobs),
    reason: 'preparedness state-early needs conversion in-place: it prepares pages when they are converted',
  },
  {
    when: (knobs) => knobs.byAttributes && inPlace(knobs),
    reason: 'conversion in-place takes no byAttributes: the VM has no attributes then',
  },
  {
    when: (knobs) => knobs.keepShared && inPlace(knobs),
    reason: 'conversion in-place takes no keepShared: there are no shared copies then',
  },
  {
    when: (knobs) => knobs.sharedOrder === 'thp' && inPlace(knobs),
    reason: 'conversion in-place takes no sharedOrder thp: there are no shared copies then, there are: 4K, natural',
  },
  {
    when: (knobs) => knobs.vmmPunch !== 'exact' && inPlace(knobs),
    reason: 'conversion in-place takes no vmmPunch but exact: its conversions do not punch',
  },
];

/** Why the engines cannot run these knobs on this arch; `undefined` when they can. */
export function unsupportedReason(knobs: Knobs, arch: Arch): string | undefined {
  return REFUSALS.find(({ when }) => when(knobs, arch))?.reason;
}
