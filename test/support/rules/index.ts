/**
 * The table: the rules of docs/semantics.md, docs/semantics-designs.md and docs/semantics-tdx.md, by section.
 */
import { accesses } from './accesses.js';
import { attributes } from './attributes.js';
import { busyRmp } from './busy-rmp.js';
import { convert } from './convert.js';
import { convertInPlace } from './convert-in-place.js';
import { fault } from './fault.js';
import { faultInPlace } from './fault-in-place.js';
import { folios } from './folios.js';
import { frames } from './frames.js';
import { identity } from './identity.js';
import { launch } from './launch.js';
import { pins } from './pins.js';
import { poison } from './poison.js';
import { pools } from './pools.js';
import { deferred, promotion } from './promotion.js';
import { punch } from './punch.js';
import { punchDesigns } from './punch-designs.js';
import type { Rule } from './rule.js';
import { selftests } from './selftests.js';
import { sept } from './sept.js';
import { shareability } from './shareability.js';
import { slots } from './slots.js';
import { splitMerge } from './split-merge.js';
import { tdxLaunch } from './tdx-launch.js';
import { vmemmap } from './vmemmap.js';

export const RULES: { readonly [section: string]: readonly Rule[] } = {
  'objects and identity (2)': identity,
  'host memory and frames (3)': frames,
  'slots (4)': slots,
  'attributes and kind (5)': attributes,
  'fault (6)': fault,
  'accesses (7)': accesses,
  'fallocate, punch (8)': punch,
  'convert (9)': convert,
  'populate, validate, finalize (10)': launch,
  'split, merge (11)': folios,
  'pin (11)': pins,
  'poison (11)': poison,
  'pools, metadata (14)': pools,
  'vmemmap (14, 17)': vmemmap,
  'kinds in place (15)': shareability,
  'fault in place (16)': faultInPlace,
  'splits and merges (17)': splitMerge,
  'convert in place (18)': convertInPlace,
  'the other punches, host leaves (19, 20)': punchDesigns,
  'the launch of a TDX guest (22)': tdxLaunch,
  'S-EPT (23)': sept,
  'promotion (24)': promotion,
  'deferred merges (25)': deferred,
  'RMP (26)': busyRmp,
  "tables of the kernel's selftests": selftests,
};
