/**
 * Arguments nobody should send: quantities and identifiers that are legal in an op stream and must only get an errno.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import { type KeySpec, OPS } from '../../lib/spec/ops.js';
import { nameOf } from './ops.js';
import type { Random } from './prng.js';

const LARGEST = Number.MAX_SAFE_INTEGER;
const SMALL = [0, 1, -1, 2048, 4095, 4097, -4096];
const ABSURD = [...SMALL, 2 ** 40, 2 ** 52, 2 ** 52 - 4096, 2 ** 53 - 4096, LARGEST, -LARGEST];
const NEAR = [1, -1, 511, 4096, -4096];
const IDS = {
  vm: [0, 1, 2, 1022],
  gmem: [0, 1, 7, 65535],
  slot: [0, 1, 32763, 32764, 65536, 2 ** 32 - 1],
  order: [0, 1, 9, 18, 10, 2 ** 32 - 1],
  byte: [0, 255],
  tries: [0, 1, 2 ** 32 - 1],
  attempts: [0, 1, 1024],
};

/** With this probability, `fields` with one of its values replaced. */
export function spoiled(random: Random, fields: RecordFields, probability: number): RecordFields {
  if (!random.chance(probability)) return fields;
  const specs: KeySpec[] = Object.values(OPS[nameOf(fields)]);
  const spec = random.pick(specs);
  if (spec.type === 'quantity') {
    const value = random.chance(0.5) ? random.pick(ABSURD) : fields[spec.field] + random.pick(NEAR);
    return Number.isSafeInteger(value) ? { ...fields, [spec.field]: value } : fields;
  }
  if (spec.type === 'id' && spec.of !== 'vcpu') return { ...fields, [spec.field]: random.pick(IDS[spec.of]) };
  return fields;
}
