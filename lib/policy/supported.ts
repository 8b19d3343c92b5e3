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
const merges = (knobs: Knobs): boolean => knobs.merge !== 'never';
const promotes = (knobs: Knobs): boolean => knobs.promote !== 'none';

const REFUSALS: readonly Refusal[] = [
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
  {
    when: (knobs) => merges(knobs) && !inPlace(knobs),
    reason: 'merge eager and deferred need conversion in-place: by discard there is nothing left to merge',
  },
  {
    when: (knobs) => merges(knobs) && natural(knobs),
    reason:
      'merge eager and deferred exclude sharedOrder natural: nothing is split there, so there is nothing to merge',
  },
  {
    when: (knobs, arch) => knobs.promote === 'sept' && arch !== 'tdx',
    reason: 'promote sept needs arch tdx: it promotes entries of the S-EPT, there are: none, rebuild',
  },
  {
    when: (knobs, arch) => knobs.promote === 'rebuild' && arch === 'tdx',
    reason:
      'promote rebuild would lose the contents on arch tdx, where what is unmapped is removed, there are: none, sept',
  },
  {
    when: (knobs) => promotes(knobs) && (natural(knobs) || !huge(knobs)),
    reason: 'promote rebuild and sept follow merges: they need hugepages 2M or 1G, and sharedOrder other than natural',
  },
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
