/**
 * The table: the rules of docs/semantics.md, by section.
 */
import { accesses } from './accesses.js';
import { attributes } from './attributes.js';
import { convert } from './convert.js';
import { fault } from './fault.js';
import { folios } from './folios.js';
import { frames } from './frames.js';
import { identity } from './identity.js';
import { launch } from './launch.js';
import { pins } from './pins.js';
import { poison } from './poison.js';
import { punch } from './punch.js';
import type { Rule } from './rule.js';
import { slots } from './slots.js';

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
};
