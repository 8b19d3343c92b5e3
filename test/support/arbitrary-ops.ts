/**
 * Random valid ops in their JSON shape, derived from the OPS table: every op, every key, given or left to its default.
 */
import fc from 'fast-check';
import { annotationsOf, OP_PLANS } from '../../lib/ops/encode.js';
import { SWITCHES } from '../../lib/spec/knobs.js';
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
      return fc.constantFrom(...Object.values(SWITCHES).flat());
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

export const arbitraryOp: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  ...OP_PLANS.map(({ name, keys }) => {
    const required = keys.filter(([, spec]) => !('default' in spec)).map(([key]) => key);
    const values = Object.fromEntries([
      ...keys.map(([key, spec]) => [key, arbitraryValue(spec)] as const),
      ...annotationsOf(name).map((key) => [key, ANNOTATION_VALUES[ANNOTATIONS[key]] as fc.Arbitrary<unknown>] as const),
    ]);
    return fc.record(values, { requiredKeys: required }).map((rest) => ({ op: name, ...rest }));
  }),
);

export const arbitraryOps = fc.array(arbitraryOp, { maxLength: 40 });
