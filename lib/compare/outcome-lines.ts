/**
 * Outcomes as JSON lines: `{"i":0,"ok":true,...}`.
 */
import type { OutcomeRecords } from '../ops/outcomes.js';
import type { OpRecords } from '../ops/records.js';

/** Lines of the ops [first, end), whose outcomes are records 0 to end - first of `outcomes`. */
export function outcomeLines(records: OpRecords, outcomes: OutcomeRecords, first: number, end: number): string {
  let lines = '';
  for (let i = first; i < end; i += 1) {
    const o = i - first;
    const plain = outcomes.errno(o) === 0 && outcomes.has(o) === 0 && outcomes.exit(o) === 'none';
    lines += plain ? `{"i":${i},"ok":true}\n` : `${JSON.stringify({ i, ...outcomes.decode(o, records.opName(i)) })}\n`;
  }
  return lines;
}
