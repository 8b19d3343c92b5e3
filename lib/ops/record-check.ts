/**
 * Which records an encoder can have made: packed files are checked against it, so that a damaged or hostile one is a
 * clear error and an engine only ever sees legal records. Derived from the OPS table.
 */
import { SWITCHES } from '../spec/knobs.js';
import { FLAG, ID_LIMITS, type KeySpec, RECORD_BYTES } from '../spec/ops.js';
import { OP_PLANS } from './encode.js';

const KINDS = OP_PLANS.length;
const U32_PER_RECORD = RECORD_BYTES / 4;
const F64_PER_RECORD = RECORD_BYTES / 8;

/** Bounds by kind; a field no key of the op uses is zero. */
const flagBits = new Uint8Array(256);
const integerMax = {
  vcpu: new Float64Array(256),
  vm: new Float64Array(256),
  gmem: new Float64Array(256),
  arg: new Float64Array(256),
};
const quantity = {
  address: { min: new Float64Array(256), max: new Float64Array(256) },
  size: { min: new Float64Array(256), max: new Float64Array(256) },
  extra: { min: new Float64Array(256), max: new Float64Array(256) },
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
      return { min: 0, max: Math.min(...Object.values(SWITCHES).map((values) => values.length)) - 1 };
  }
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
  const u16 = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  const u32 = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const f64 = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3);
  const { vcpu, vm, gmem, arg } = integerMax;
  const { address, size, extra } = quantity;
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
      x <= (extra.max[head] as number) &&
      Math.trunc(a) === a &&
      Math.trunc(s) === s &&
      Math.trunc(x) === x
    ) {
      continue;
    }
    return { record: i, message: explain(bytes, u16, u32, f64, i) };
  }
  return undefined;
}

function explain(bytes: Uint8Array, u16: Uint16Array, u32: Uint32Array, f64: Float64Array, i: number): string {
  const kind = bytes[i * RECORD_BYTES] as number;
  const plan = OP_PLANS[kind];
  if (plan === undefined) return `kind: got ${kind}, accepted: 0 to ${KINDS - 1}`;
  const flags = bytes[i * RECORD_BYTES + 1] as number;
  if ((flags & ~(flagBits[kind] as number)) !== 0) {
    return `flags: got ${flags}, accepted for ${plan.name}: bits of ${flagBits[kind]}`;
  }
  const integers = { vcpu: u16[i * 20 + 1], vm: u32[i * 10 + 1], gmem: u32[i * 10 + 2], arg: u32[i * 10 + 3] };
  for (const field of ['vcpu', 'vm', 'gmem', 'arg'] as const) {
    const max = integerMax[field][kind] as number;
    if ((integers[field] as number) > max) {
      return `${field}: got ${integers[field]}, accepted for ${plan.name}: 0${max === 0 ? '' : ` to ${max}`}`;
    }
  }
  const numbers = { address: f64[i * 5 + 2], size: f64[i * 5 + 3], extra: f64[i * 5 + 4] };
  for (const field of ['address', 'size', 'extra'] as const) {
    const value = numbers[field] as number;
    const { min, max } = quantity[field];
    if (!(value >= (min[kind] as number) && value <= (max[kind] as number) && Number.isInteger(value))) {
      return `${field}: got ${value}, accepted for ${plan.name}: integers from ${min[kind]} to ${max[kind]}`;
    }
  }
  return `not a record of ${plan.name}`;
}
