/**
 * Which knobs the simulating engines can run together, and why not the others (docs/semantics-designs.md, at the top). A
 * table, so that the native engine has it too (native-header.ts).
 */
import { frozen } from './frozen.js';
import { ARCHES, type Arch, KNOBS, type KnobName, type Knobs, type KnobValue } from './knobs.js';

/** Holds where every knob it names, and the arch, has one of the values. */
export type Combination = { readonly [K in KnobName]?: readonly KnobValue<K>[] } & { readonly arch?: readonly Arch[] };

interface Refusal {
  readonly when: Combination;
  readonly reason: string;
}

/** All values but one: a value that is added later is among them. */
function other<K extends KnobName>(knob: K, than: KnobValue<K>): readonly KnobValue<K>[] {
  return (KNOBS[knob] as readonly KnobValue<K>[]).filter((value) => value !== than);
}

const IN_PLACE = ['in-place'] as const;
const NOT_IN_PLACE = other('conversion', 'in-place');
const SMALL = ['off'] as const;
const HUGE = other('hugepages', 'off');
const POOL = ['pool'] as const;
const NO_POOL = other('source', 'pool');
const NATURAL = ['natural'] as const;
const NOT_NATURAL = other('sharedOrder', 'natural');
const TOGETHER = 'sharedOrder natural and splitTo none go together: either nothing is split or shared folios are 4K';
const PROMOTED =
  'promote rebuild and sept follow merges: they need hugepages 2M or 1G, and sharedOrder other than natural';
const ONE_FLAG = 'preparedness uptodate needs hugepages off and conversion discard: it is one flag a folio';

/** In the order they are said. */
export const REFUSALS: readonly Refusal[] = frozen([
  {
    when: { arch: ['pkvm'], conversion: NOT_IN_PLACE },
    reason: 'arch pkvm needs conversion in-place: its conversions preserve contents, and discard drops them',
  },
  {
    when: { source: POOL, hugepages: SMALL },
    reason: 'source pool needs hugepages 2M or 1G: a pool holds huge pages',
  },
  { when: { source: POOL, conversion: NOT_IN_PLACE }, reason: 'source pool needs conversion in-place' },
  {
    when: { source: POOL, fallback: [true] },
    reason: 'source pool needs fallback false: a pool holds pages of one size',
  },
  {
    when: { source: POOL, punch: ['split'] },
    reason:
      'source pool takes whole huge pages back: punch split is not simulated with it, there are: zero, keep, refuse',
  },
  { when: { hugepages: ['1G'], source: NO_POOL }, reason: 'hugepages 1G needs source pool' },
  {
    when: { punch: ['refuse'], hugepages: SMALL },
    reason: 'punch refuse needs hugepages 2M or 1G: it refuses what is no whole huge page',
  },
  { when: { sharedOrder: NATURAL, conversion: NOT_IN_PLACE }, reason: 'sharedOrder natural needs conversion in-place' },
  {
    when: { splitTo: other('splitTo', '4K'), conversion: NOT_IN_PLACE },
    reason: 'splitTo minimal and none need conversion in-place: by discard folios are split to 4K',
  },
  { when: { sharedOrder: NATURAL, splitTo: other('splitTo', 'none') }, reason: TOGETHER },
  { when: { sharedOrder: NOT_NATURAL, splitTo: ['none'] }, reason: TOGETHER },
  {
    when: { sharedOrder: NATURAL, punch: ['split'], hugepages: HUGE },
    reason: 'sharedOrder natural splits nothing: punch split is not simulated with it, there are: zero, keep, refuse',
  },
  {
    when: { splitTo: ['minimal'], hugepages: other('hugepages', '1G') },
    reason: 'splitTo minimal needs hugepages 1G: a 2M folio can only go to 4K',
  },
  {
    when: { merge: other('merge', 'never'), conversion: NOT_IN_PLACE },
    reason: 'merge eager and deferred need conversion in-place: by discard there is nothing left to merge',
  },
  {
    when: { merge: other('merge', 'never'), sharedOrder: NATURAL },
    reason:
      'merge eager and deferred exclude sharedOrder natural: nothing is split there, so there is nothing to merge',
  },
  {
    when: { promote: ['sept'], arch: ARCHES.filter((arch) => arch !== 'tdx') },
    reason: 'promote sept needs arch tdx: it promotes entries of the S-EPT, there are: none, rebuild',
  },
  {
    when: { promote: ['rebuild'], arch: ['tdx'] },
    reason:
      'promote rebuild would lose the contents on arch tdx, where what is unmapped is removed, there are: none, sept',
  },
  { when: { promote: other('promote', 'none'), sharedOrder: NATURAL }, reason: PROMOTED },
  { when: { promote: other('promote', 'none'), hugepages: SMALL }, reason: PROMOTED },
  {
    when: { metadata: ['hvo'], source: NO_POOL },
    reason: 'metadata hvo needs source pool: only pages of a pool give up their vmemmap',
  },
  {
    when: { metadata: ['structless'], sharedOrder: NOT_NATURAL },
    reason: 'metadata structless needs sharedOrder natural: what is split needs struct pages',
  },
  { when: { preparedness: ['uptodate'], hugepages: HUGE }, reason: ONE_FLAG },
  { when: { preparedness: ['uptodate'], conversion: IN_PLACE }, reason: ONE_FLAG },
  {
    when: { preparedness: ['state-early'], conversion: NOT_IN_PLACE },
    reason: 'preparedness state-early needs conversion in-place: it prepares pages when they are converted',
  },
  {
    when: { byAttributes: [true], conversion: IN_PLACE },
    reason: 'conversion in-place takes no byAttributes: the VM has no attributes then',
  },
  {
    when: { keepShared: [true], conversion: IN_PLACE },
    reason: 'conversion in-place takes no keepShared: there are no shared copies then',
  },
  {
    when: { sharedOrder: ['thp'], conversion: IN_PLACE },
    reason: 'conversion in-place takes no sharedOrder thp: there are no shared copies then, there are: 4K, natural',
  },
  {
    when: { vmmPunch: other('vmmPunch', 'exact'), conversion: IN_PLACE },
    reason: 'conversion in-place takes no vmmPunch but exact: its conversions do not punch',
  },
]);

function holds(when: Combination, knobs: Knobs, arch: Arch): boolean {
  return Object.entries(when).every(([name, values]) =>
    (values as readonly unknown[]).includes(name === 'arch' ? arch : knobs[name as KnobName]),
  );
}

/** Why the engines cannot run these knobs on this arch; `undefined` when they can. */
export function unsupportedReason(knobs: Knobs, arch: Arch): string | undefined {
  return REFUSALS.find(({ when }) => holds(when, knobs, arch))?.reason;
}
