/**
 * One op between its JSON shape and its record. Everything is derived from the OPS table: no op or key is named here.
 */
import { GmemError } from '../engine/error.js';
import { SWITCH_NAMES, SWITCHES, type SwitchName } from '../spec/knobs.js';
import {
  ANNOTATIONS,
  type AnnotationName,
  CREATE_FLAG,
  FLAG,
  ID_LIMITS,
  type KeySpec,
  OP_KIND,
  OP_NAMES,
  OPS,
  type OpName,
} from '../spec/ops.js';
import type { Notes } from './notes.js';
import { shown } from './problems.js';
import { blankFields, type RecordFields } from './records.js';
import type { OpStream } from './stream.js';
import { didYouMean, nearest } from './suggest.js';

/** One thing wrong with an op: at a key, at the value of a key, or with the op as a whole (a missing key). */
export interface OpProblem {
  readonly key: string;
  readonly at: 'key' | 'value' | 'op';
  /** What is wrong, what is accepted. */
  readonly message: string;
}

/** An op's keys and their specs, in the order they are written. */
export interface OpPlan {
  readonly name: OpName;
  readonly kind: number;
  readonly keys: readonly (readonly [key: string, spec: KeySpec])[];
}

/** Plans by kind number. */
export const OP_PLANS: readonly OpPlan[] = OP_NAMES.map((name, kind) => ({
  name,
  kind,
  keys: Object.entries(OPS[name] as Record<string, KeySpec>),
}));

/** Annotations an op of this name can carry: `source` of populate is a key of its own. */
export function annotationsOf(name: OpName): readonly AnnotationName[] {
  return ANNOTATION_NAMES.filter((annotation) => !Object.hasOwn(OPS[name], annotation));
}

const ANNOTATION_NAMES = Object.keys(ANNOTATIONS) as AnnotationName[];
const SOURCE_IS_KEY = OP_PLANS.map(({ name }) => !annotationsOf(name).includes('source'));
const CREATE_FLAG_NAMES = Object.keys(CREATE_FLAG) as (keyof typeof CREATE_FLAG)[];
const CREATE_FLAG_BITS = Object.values(CREATE_FLAG).reduce((bits, bit) => bits | bit, 0);
const HEX = /^0x[0-9a-f]{1,16}$/i;

/**
 * Encodes an op given in its JSON shape. Annotations are checked, and left to `appendOp`.
 *
 * @param problems every problem is appended here.
 * @returns the record's fields, or `undefined` when there was a problem.
 */
export function encodeOp(op: object, problems: OpProblem[]): RecordFields | undefined {
  const before = problems.length;
  const given = op as Record<string, unknown>;
  if (!has(given, 'op')) {
    problems.push({ key: 'op', at: 'op', message: `missing, accepted: ${OP_NAMES.join(', ')}` });
    return undefined;
  }
  const name = given.op;
  if (typeof name !== 'string' || !Object.hasOwn(OP_KIND, name)) {
    const hint = typeof name === 'string' ? didYouMean(name, OP_NAMES) : '';
    problems.push({
      key: 'op',
      at: 'value',
      message: `unknown op ${shown(name)}${hint}, accepted: ${OP_NAMES.join(', ')}`,
    });
    return undefined;
  }
  const plan = OP_PLANS[OP_KIND[name as OpName]] as OpPlan;
  const fields = blankFields();
  fields.kind = plan.kind;
  for (const [key, spec] of plan.keys) {
    if (has(given, key)) {
      const accepted = encodeValue(spec, given[key], fields);
      if (accepted !== undefined) {
        problems.push({ key, at: 'value', message: `${got(given[key])}, accepted: ${accepted}` });
      }
    } else if ('default' in spec) {
      encodeValue(spec, spec.default, fields);
    } else {
      problems.push({ key, at: 'op', message: `missing in ${name}, accepted: ${acceptedBy(spec, fields)}` });
    }
  }
  for (const key of Object.keys(given)) {
    if (key === 'op' || given[key] === undefined || Object.hasOwn(OPS[name as OpName], key)) continue;
    if (Object.hasOwn(ANNOTATIONS, key)) {
      const message = annotationProblem(key as AnnotationName, given[key]);
      if (message !== undefined) problems.push({ key, at: 'value', message });
    } else {
      const known = [...plan.keys.map(([k]) => k), ...annotationsOf(name as OpName)];
      const hint = didYouMean(key, known);
      // A key that is misspelt is not missing, too.
      const meant = problems.findIndex((p, i) => i >= before && p.at === 'op' && p.key === nearest(key, known));
      if (meant >= 0) problems.splice(meant, 1);
      problems.push({
        key,
        at: 'key',
        message: `unknown key of ${name}${hint}, accepted: ${known.join(', ')}`,
      });
    }
  }
  return problems.length === before ? fields : undefined;
}

/** How a plain op of one name is encoded in one pass over the keys it has. */
interface Shortcut {
  /** The fields when only required keys are given. */
  readonly defaults: RecordFields;
  readonly specs: ReadonlyMap<string, { readonly spec: KeySpec; readonly bit: number }>;
  /** Bits of the required keys. */
  readonly required: number;
}

/** By op name. A switch's values depend on another key: it goes the long way. */
const SHORTCUTS: ReadonlyMap<unknown, Shortcut> = new Map(
  OP_PLANS.filter(({ keys }) => keys.every(([, { type }]) => type !== 'switchValue')).map(({ name, kind, keys }) => {
    const defaults = blankFields();
    defaults.kind = kind;
    let required = 0;
    const specs = keys.map(([key, spec], position) => {
      if ('default' in spec) encodeValue(spec, spec.default, defaults);
      else required |= 1 << position;
      return [key, { spec, bit: 1 << position }] as const;
    });
    return [name, { defaults, specs: new Map(specs), required }];
  }),
);

/** `encodeOp` for the most common op: right, and without annotations. `undefined` for any other. */
function encodePlain(op: object): RecordFields | undefined {
  const given = op as Record<string, unknown>;
  const shortcut = SHORTCUTS.get(given.op);
  if (shortcut === undefined) return undefined;
  const { defaults, specs } = shortcut;
  const { kind, flags, vcpu, vm, gmem, arg, address, size, extra } = defaults;
  const fields = { kind, flags, vcpu, vm, gmem, arg, address, size, extra };
  let missing = shortcut.required;
  let named = false;
  for (const key of Object.keys(given)) {
    if (key === 'op') {
      named = true;
      continue;
    }
    const value = given[key];
    if (value === undefined) continue;
    const known = specs.get(key);
    if (known === undefined) return undefined;
    const { spec } = known;
    if ('flag' in spec) fields.flags &= ~FLAG[spec.flag];
    if (encodeValue(spec, value, fields) !== undefined) return undefined;
    missing &= ~known.bit;
  }
  return named && missing === 0 ? fields : undefined;
}

/**
 * Encodes an op and appends it, annotations included, to a stream.
 *
 * @returns false, and an untouched stream, when there was a problem.
 */
export function appendOp(stream: OpStream, op: object, problems: OpProblem[]): boolean {
  const plain = encodePlain(op);
  if (plain !== undefined) {
    stream.records.appendFields(plain);
    return true;
  }
  const fields = encodeOp(op, problems);
  if (fields === undefined) return false;
  const i = stream.records.appendFields(fields);
  const { t, derived, note } = op as Notes & { t?: number };
  const source = SOURCE_IS_KEY[fields.kind] ? undefined : (op as Notes).source;
  if (t !== undefined) stream.setTime(i, t + 0);
  if (derived !== undefined || source !== undefined || note !== undefined) {
    stream.notes.set(i, { derived, source, note });
  }
  return true;
}

/**
 * Op `i` of a stream in its JSON shape: keys in the order of the table, defaults explicit unless the table calls them
 * implicit, annotations last. What `appendOp` accepts gives the same record again.
 */
export function decodeOp(stream: OpStream, i: number): Record<string, unknown> {
  const fields = stream.records.read(i);
  const plan = OP_PLANS[fields.kind];
  if (plan === undefined) throw new GmemError('ERR_GMEM_ARGUMENT', `record ${i} has unknown kind ${fields.kind}`);
  const op: Record<string, unknown> = { op: plan.name };
  for (const [key, spec] of plan.keys) {
    const value = decodeValue(spec, fields);
    if ('implicit' in spec && spec.implicit && value === spec.default) continue;
    op[key] = value;
  }
  const t = stream.time(i);
  if (t !== undefined) op.t = t;
  const notes = stream.notes.get(i);
  if (notes?.derived !== undefined) op.derived = notes.derived;
  if (notes?.source !== undefined && !SOURCE_IS_KEY[plan.kind]) op.source = notes.source;
  if (notes?.note !== undefined) op.note = notes.note;
  return op;
}

/** Puts a value into the fields. @returns what is accepted instead, when it is not. */
function encodeValue(spec: KeySpec, value: unknown, fields: RecordFields): string | undefined {
  switch (spec.type) {
    case 'id': {
      const number = toInteger(value);
      if (number === undefined || number < 0 || number > ID_LIMITS[spec.of]) break;
      fields[spec.field] = number;
      return undefined;
    }
    case 'quantity': {
      const number = toInteger(value);
      if (number === undefined) break;
      fields[spec.field] = number;
      return undefined;
    }
    case 'boolean':
      if (typeof value !== 'boolean') break;
      if (value !== (spec.inverted ?? false)) fields.flags |= FLAG[spec.flag];
      return undefined;
    case 'choice': {
      const position = spec.values.indexOf(value as string);
      if (position < 0) break;
      if (position === 1) fields.flags |= FLAG[spec.flag];
      return undefined;
    }
    case 'enum': {
      const position = spec.values.indexOf(value as string);
      if (position < 0) break;
      fields[spec.field] = position;
      return undefined;
    }
    case 'createFlags': {
      const bits = Array.isArray(value) ? flagBits(value) : toInteger(value);
      if (bits === undefined || bits < 0) break;
      fields[spec.field] = bits;
      return undefined;
    }
    case 'switchValue': {
      const values = switchValues(fields);
      const held = 'most' in values ? toInteger(value) : values.indexOf(value as never);
      if (held === undefined || held < 0 || ('most' in values && held > values.most)) break;
      fields[spec.field] = held;
      return undefined;
    }
  }
  return acceptedBy(spec, fields);
}

function decodeValue(spec: KeySpec, fields: RecordFields): unknown {
  switch (spec.type) {
    case 'id':
    case 'quantity':
      return fields[spec.field];
    case 'boolean':
      return ((fields.flags & FLAG[spec.flag]) !== 0) !== (spec.inverted ?? false);
    case 'choice':
      return spec.values[(fields.flags & FLAG[spec.flag]) === 0 ? 0 : 1];
    case 'enum':
      return spec.values[fields[spec.field]];
    case 'createFlags': {
      const bits = fields[spec.field];
      if (bits > CREATE_FLAG_BITS) return bits;
      return CREATE_FLAG_NAMES.filter((name) => (bits & CREATE_FLAG[name]) !== 0);
    }
    case 'switchValue': {
      const values = switchValues(fields);
      return 'most' in values ? fields[spec.field] : values[fields[spec.field]];
    }
  }
}

/** What a key accepts, in words. */
function acceptedBy(spec: KeySpec, fields: RecordFields): string {
  switch (spec.type) {
    case 'id':
      if (spec.of === 'order')
        return `0 (4K), 9 (2M), 18 (1G); others up to ${ID_LIMITS.order} are ops that answer EINVAL`;
      return `an integer from 0 to ${ID_LIMITS[spec.of]}`;
    case 'quantity':
      return 'an integer of at most 2^53 - 1 (0x1fffffffffffff) either way, or a "0x…" string of one';
    case 'boolean':
      return 'true, false';
    case 'choice':
    case 'enum':
      return spec.values.map((value) => JSON.stringify(value)).join(', ');
    case 'createFlags':
      return `a list of ${CREATE_FLAG_NAMES.map((name) => JSON.stringify(name)).join(', ')}, or the raw bits as a number`;
    case 'switchValue': {
      const values = switchValues(fields);
      if ('most' in values) return `an integer from 0 to ${values.most}`;
      return values.map((value) => JSON.stringify(value)).join(', ');
    }
  }
}

/** Values of the switch the record's key names; `arg` was filled before, the table has the key first. */
function switchValues(fields: RecordFields): (typeof SWITCHES)[SwitchName] {
  return SWITCHES[SWITCH_NAMES[fields.arg] as SwitchName];
}

/** A safe integer given as a number or as a "0x.." string; never -0. */
function toInteger(value: unknown): number | undefined {
  if (typeof value === 'string') {
    if (!HEX.test(value)) return undefined;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : undefined;
  }
  return Number.isSafeInteger(value) ? (value as number) + 0 : undefined;
}

function flagBits(names: readonly unknown[]): number | undefined {
  let bits = 0;
  for (const name of names) {
    if (typeof name !== 'string' || !Object.hasOwn(CREATE_FLAG, name)) return undefined;
    bits |= CREATE_FLAG[name as keyof typeof CREATE_FLAG];
  }
  return bits;
}

function annotationProblem(key: AnnotationName, value: unknown): string | undefined {
  const type = ANNOTATIONS[key];
  if (typeof value === type && (type !== 'number' || Number.isFinite(value))) return undefined;
  return `${got(value)}, accepted: a ${type === 'number' ? 'finite number' : type}`;
}

/** Has the key, and not as `undefined`: what callers in code mean by leaving it out. */
function has(given: Record<string, unknown>, key: string): boolean {
  return Object.hasOwn(given, key) && given[key] !== undefined;
}

function got(value: unknown): string {
  const unsafe = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  // The digits that were written are gone: what it was rounded to is not said to have been there.
  return unsafe ? `got an integer beyond 2^53 - 1, about ${value.toExponential(3)}` : `got ${shown(value)}`;
}
