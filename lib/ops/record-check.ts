/**
 * Which records an encoder can have made: packed files are checked against it, so that a damaged or hostile one is a
 * clear error and an engine only ever sees legal records. Derived from the OPS table.
 */
import { SWITCH_MOST } from '../spec/knobs.js';
import { FLAG, ID_LIMITS, type KeySpec, OP_KIND, RECORD_BYTES } from '../spec/ops.js';
import { OP_PLANS } from './encode.js';
import { shown } from './problems.js';
import type { RecordFields } from './records.js';

const KINDS = OP_PLANS.length;
const U32_PER_RECORD = RECORD_BYTES / 4;
const F64_PER_RECORD = RECORD_BYTES / 8;

/** Bounds by kind; a field no key of the op uses is zero. What a switch takes at most is a matter of its `arg`, too. */
const flagBits = new Uint8Array(256);
const integerMax = {
  vcpu: new Float64Array(256),
  vm: new Float64Array(256),
  gmem: new Float64Array(256),
  arg: new Float64Array(256),
};
const extra = { min: new Float64Array(256), max: new Float64Array(256) };
const quantity = {
  address: { min: new Float64Array(256), max: new Float64Array(256) },
  size: { min: new Float64Array(256), max: new Float64Array(256) },
  extra,
};

for (const { kind, keys } of OP_PLANS) {
  for (const [, spec] of keys) {
    if ('flag' in spec) {
      flagBits[kind] = (flagBits[kind] as number) | FLAG[spec.flag];
      continue;
    }
    const { min, max } = boundsOf(spec);
    if (spec.field === 'address' || spec.field === 'size' || spec.field === 'extra') {
      quantity[spec.field].min[kind] = min;
      quantity[spec.field].max[kind] = max;
    } else integerMax[spec.field][kind] = max;
  }
}

function boundsOf(spec: Exclude<KeySpec, { flag: unknown }>): { min: number; max: number } {
  switch (spec.type) {
    case 'id':
      return { min: 0, max: ID_LIMITS[spec.of] };
    case 'quantity':
      return { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
    case 'enum':
      return { min: 0, max: spec.values.length - 1 };
    case 'createFlags':
      return { min: 0, max: Number.MAX_SAFE_INTEGER };
    case 'switchValue':
      return { min: 0, max: Math.max(...SWITCH_MOST) };
  }
}

/** What is legal for the ops of one kind: the most an integer field may be, and least and most of the quantities. */
export interface RecordRule {
  readonly flags: number;
  readonly vcpu: number;
  readonly vm: number;
  readonly gmem: number;
  readonly arg: number;
  readonly address: readonly [least: number, most: number];
  readonly size: readonly [least: number, most: number];
  readonly extra: readonly [least: number, most: number];
}

/** The rules by kind, for who checks elsewhere. */
export function recordRules(): RecordRule[] {
  const bounds = (field: keyof typeof quantity, kind: number) =>
    [quantity[field].min[kind] as number, quantity[field].max[kind] as number] as const;
  return OP_PLANS.map(({ kind }) => ({
    flags: flagBits[kind] as number,
    vcpu: integerMax.vcpu[kind] as number,
    vm: integerMax.vm[kind] as number,
    gmem: integerMax.gmem[kind] as number,
    arg: integerMax.arg[kind] as number,
    address: bounds('address', kind),
    size: bounds('size', kind),
    extra: bounds('extra', kind),
  }));
}

/** Least and most address of the ops of a kind there is, bytes. */
export function addressBounds(kind: number): readonly [least: number, most: number] {
  return [quantity.address.min[kind] as number, quantity.address.max[kind] as number];
}

/** Whether these fields, straight from a caller, make a record that an encoder can have made. */
export function isLegalRecord(
  kind: number,
  flags: number,
  vcpu: number,
  vm: number,
  gmem: number,
  arg: number,
  a: number,
  s: number,
  x: number,
): boolean {
  const { address, size } = quantity;
  return (
    within(kind, KINDS - 1) &&
    within(flags, 255) &&
    (flags & ~(flagBits[kind] as number)) === 0 &&
    within(vcpu, integerMax.vcpu[kind] as number) &&
    within(vm, integerMax.vm[kind] as number) &&
    within(gmem, integerMax.gmem[kind] as number) &&
    within(arg, integerMax.arg[kind] as number) &&
    Number.isSafeInteger(a) &&
    a >= (address.min[kind] as number) &&
    a <= (address.max[kind] as number) &&
    Number.isSafeInteger(s) &&
    s >= (size.min[kind] as number) &&
    s <= (size.max[kind] as number) &&
    Number.isSafeInteger(x) &&
    x >= (extra.min[kind] as number) &&
    x <= extraMost(kind, arg)
  );
}

/** The most that `extra` may be. REQUIRES: a legal `arg`. */
function extraMost(kind: number, arg: number): number {
  return (kind === OP_KIND.set ? SWITCH_MOST[arg] : extra.max[kind]) as number;
}

function within(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

/**
 * Finds the first record in [first, end) that no encoder makes.
 *
 * @param bytes packed records from the begin of their buffer's view, 8-byte aligned.
 * @returns its position and what is wrong, or `undefined`.
 */
export function findBadRecord(
  bytes: Uint8Array,
  first: number,
  end: number,
): { record: number; message: string } | undefined {
  const u16 = new Uint16Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 2));
  const u32 = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
  const f64 = new Float64Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 8));
  const { vcpu, vm, gmem, arg } = integerMax;
  const { address, size } = quantity;
  for (let i = first; i < end; i += 1) {
    const head = bytes[i * RECORD_BYTES] as number;
    const f = i * F64_PER_RECORD;
    const u = i * U32_PER_RECORD;
    const a = f64[f + 2] as number;
    const s = f64[f + 3] as number;
    const x = f64[f + 4] as number;
    if (
      head < KINDS &&
      ((bytes[i * RECORD_BYTES + 1] as number) & ~(flagBits[head] as number)) === 0 &&
      (u16[2 * u + 1] as number) <= (vcpu[head] as number) &&
      (u32[u + 1] as number) <= (vm[head] as number) &&
      (u32[u + 2] as number) <= (gmem[head] as number) &&
      (u32[u + 3] as number) <= (arg[head] as number) &&
      a >= (address.min[head] as number) &&
      a <= (address.max[head] as number) &&
      s >= (size.min[head] as number) &&
      s <= (size.max[head] as number) &&
      x >= (extra.min[head] as number) &&
      x <= extraMost(head, u32[u + 3] as number) &&
      Math.trunc(a) === a &&
      Math.trunc(s) === s &&
      Math.trunc(x) === x
    ) {
      continue;
    }
    const fields = {
      kind: head,
      flags: bytes[i * RECORD_BYTES + 1] as number,
      vcpu: u16[2 * u + 1] as number,
      vm: u32[u + 1] as number,
      gmem: u32[u + 2] as number,
      arg: u32[u + 3] as number,
      address: a,
      size: s,
      extra: x,
    };
    return { record: i, message: explainRecord(fields) };
  }
  return undefined;
}

/** What is wrong with fields that make no legal record, and what is accepted. */
export function explainRecord(fields: RecordFields): string {
  const { kind, flags } = fields;
  const plan = within(kind, KINDS - 1) ? OP_PLANS[kind] : undefined;
  if (plan === undefined) return `kind: got ${shown(kind)}, accepted: 0 to ${KINDS - 1}`;
  if (!within(flags, 255) || (flags & ~(flagBits[kind] as number)) !== 0) {
    return `flags: got ${shown(flags)}, accepted for ${plan.name}: bits of ${flagBits[kind]}`;
  }
  for (const field of ['vcpu', 'vm', 'gmem', 'arg'] as const) {
    const max = integerMax[field][kind] as number;
    if (!within(fields[field], max)) {
      return `${field}: got ${shown(fields[field])}, accepted for ${plan.name}: 0${max === 0 ? '' : ` to ${max}`}`;
    }
  }
  for (const field of ['address', 'size', 'extra'] as const) {
    const value = fields[field];
    const least = quantity[field].min[kind] as number;
    const most = field === 'extra' ? extraMost(kind, fields.arg) : (quantity[field].max[kind] as number);
    if (!(Number.isInteger(value) && value >= least && value <= most)) {
      return `${field}: got ${shown(value)}, accepted for ${plan.name}: integers from ${least} to ${most}`;
    }
  }
  return `not a record of ${plan.name}`;
}
