/** Which cost table a document's modelled cycles were made with, in words. */
import type { ResultsDocument } from '../compare/results.js';

/** `calibration of 2026-11-20T12:00:00Z on AMD EPYC, ...: 6 numbers measured, 4 fitted, 10 published`. */
export function costTableLine({ cost_origin: origin, cost_table: entries }: ResultsDocument): string {
  switch (origin.kind) {
    case 'built-in':
      return 'built-in table of published and fitted costs (--cost replaces it)';
    case 'cost file':
      return `cost file ${origin.name}: ${entries.filter((entry) => entry.basis === 'user').length} of ${entries.length} numbers are its own, the rest built-in`;
    case 'calibration': {
      const measured = entries.filter((entry) => entry.basis === 'measured').length;
      return `calibration of ${origin.date} on ${origin.machine}: ${measured} of ${entries.length} numbers measured there, the rest fitted or built-in`;
    }
  }
}
