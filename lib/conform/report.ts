/**
 * What a conformance run says, for people and as the document `gmem.conform/1`.
 */
import { formatOp } from '../ops/jsonl.js';
import { OpRecords, type RecordFields } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import type { ConformResult } from './conform.js';

export const CONFORM_SCHEMA = 'gmem.conform/1';

export function conformText({ streams, ops, answered, interrupted, finding }: ConformResult): string {
  const sum = `${ops} ops in ${streams} streams, ${answered} answered by the kernel`;
  if (finding === undefined) return `${interrupted ? 'interrupted: ' : ''}no difference: ${sum}\n`;
  return [
    `${finding.model} contradicts the kernel in ${finding.stream} (${sum}). The shortest stream found:`,
    ...opLines(finding.ops),
    `kernel: ${JSON.stringify(finding.kernel)}`,
    `${finding.model}: ${JSON.stringify(finding.answer)}`,
    '',
  ].join('\n');
}

export function conformJson({ finding, ...sum }: ConformResult, seed: number): string {
  const shown =
    finding === undefined ? null : { ...finding, ops: opLines(finding.ops).map((line) => JSON.parse(line) as unknown) };
  return `${JSON.stringify({ schema: CONFORM_SCHEMA, seed, ...sum, finding: shown }, null, 2)}\n`;
}

function opLines(ops: readonly RecordFields[]): string[] {
  const stream = new OpStream(new OpRecords(ops.length));
  for (const fields of ops) stream.records.appendFields(fields);
  return ops.map((_, i) => formatOp(stream, i));
}
