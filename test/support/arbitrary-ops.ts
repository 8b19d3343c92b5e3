/**
 * Random valid ops in their JSON shape, derived from the OPS table: every op, every key, given or left to its default.
 */
import fc from 'fast-check';
import { annotationsOf, OP_PLANS } from '../../lib/ops/encode.js';
import { SWITCH_NAMES, SWITCHES } from '../../lib/spec/knobs.js';
import { ANNOTATIONS, CREATE_FLAG, ID_LIMITS, type KeySpec } from '../../lib/spec/ops.js';

const quantity = fc.oneof(
  { weight: 1, arbitrary: fc.maxSafeInteger() },
  { weight: 4, arbitrary: fc.integer({ min: -4, max: 2 ** 20 }).map((page) => page * 4096) },
  { weight: 1, arbitrary: fc.maxSafeNat().map((n) => `0x${n.toString(16)}`) },
);

function arbitraryValue(spec: KeySpec): fc.Arbitrary<unknown> {
  switch (spec.type) {
    case 'id':
      return fc.oneof(
        fc.integer({ min: 0, max: Math.min(ID_LIMITS[spec.of], 2 ** 31 - 1) }),
        fc.constant(ID_LIMITS[spec.of]),
      );
    case 'quantity':
      return quantity;
    case 'boolean':
      return fc.boolean();
    case 'choice':
    case 'enum':
      return fc.constantFrom(...spec.values);
    case 'createFlags':
      return fc.oneof(fc.subarray(Object.keys(CREATE_FLAG)), fc.maxSafeNat());
    case 'switchValue':
      throw new Error('made with its key');
  }
}

const ANNOTATION_VALUES: Record<string, fc.Arbitrary<unknown>> = {
  number: fc.oneof(
    fc.maxSafeNat(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((t) => t + 0),
  ),
  boolean: fc.boolean(),
  string: fc.string({ unit: 'binary', maxLength: 20 }),
};

/** A switch and one of its values. */
const arbitrarySwitch = fc.oneof(
  ...SWITCH_NAMES.map((key) => {
    const values = SWITCHES[key];
    const value = 'most' in values ? fc.integer({ min: 0, max: values.most }) : fc.constantFrom(...values);
    return fc.record({ key: fc.constant(key), value });
  }),
);

export const arbitraryOp: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  ...OP_PLANS.map(({ name, keys }) => {
    const switching = keys.some(([, { type }]) => type === 'switchValue');
    const own = switching ? keys.filter(([key]) => key !== 'key' && key !== 'value') : keys;
    const required = own.filter(([, spec]) => !('default' in spec)).map(([key]) => key);
    const values = Object.fromEntries([
      ...own.map(([key, spec]) => [key, arbitraryValue(spec)] as const),
      ...annotationsOf(name).map((key) => [key, ANNOTATION_VALUES[ANNOTATIONS[key]] as fc.Arbitrary<unknown>] as const),
    ]);
    const rest = fc.record(values, { requiredKeys: required });
    if (!switching) return rest.map((given) => ({ op: name, ...given }));
    return fc.tuple(arbitrarySwitch, rest).map(([turned, given]) => ({ op: name, ...turned, ...given }));
  }),
);

export const arbitraryOps = fc.array(arbitraryOp, { maxLength: 40 });
