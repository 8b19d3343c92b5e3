/**
 * Outcomes as JSON lines: `{"i":0,"ok":true,...}`.
 */
import type { OutcomeRecords } from '../ops/outcomes.js';
import type { OpRecords } from '../ops/records.js';

/**
 * Lines of the records [first, end), whose outcomes are records 0 to end - first of `outcomes`. `start`: position in the
 * input of record 0.
 */
export function outcomeLines(
  records: OpRecords,
  outcomes: OutcomeRecords,
  first: number,
  end: number,
  start = 0,
): string {
  let lines = '';
  for (let r = first; r < end; r += 1) {
    const o = r - first;
    const i = start + r;
    const plain = outcomes.errno(o) === 0 && outcomes.has(o) === 0 && outcomes.exit(o) === 'none';
    lines += plain ? `{"i":${i},"ok":true}\n` : `${JSON.stringify({ i, ...outcomes.decode(o, records.opName(r)) })}\n`;
  }
  return lines;
}
