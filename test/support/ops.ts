/**
 * Ops of the tests as record fields, by the keys of the JSON form.
 */
import { encodeOp, type OpProblem } from '../../lib/ops/encode.js';
import { formatOp } from '../../lib/ops/jsonl.js';
import { OpRecords, type RecordFields } from '../../lib/ops/records.js';
import { OpStream } from '../../lib/ops/stream.js';
import { OP_NAMES, type OpName } from '../../lib/spec/ops.js';

export type Keys = { readonly [key: string]: number | string | boolean };

/** One op, with the defaults of the format. */
export function op(name: OpName, keys: Keys = {}): RecordFields {
  const problems: OpProblem[] = [];
  const fields = encodeOp({ op: name, ...keys }, problems);
  if (fields === undefined) throw new TypeError(`${name}: ${problems.map((p) => `${p.key}: ${p.message}`).join('; ')}`);
  return fields;
}

export function nameOf(fields: RecordFields): OpName {
  return OP_NAMES[fields.kind] as OpName;
}

export function recordsOf(ops: readonly RecordFields[]): OpRecords {
  const records = new OpRecords(Math.max(1, ops.length));
  for (const fields of ops) records.appendFields(fields);
  return records;
}

/** The ops as lines of a .jsonl. */
export function linesOf(ops: readonly RecordFields[]): string[] {
  const stream = new OpStream(recordsOf(ops));
  return ops.map((_, i) => formatOp(stream, i));
}
