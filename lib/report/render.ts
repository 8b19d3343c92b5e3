/**
 * Every report at hand, for who cannot wait (formats.ts loads only the one it needs).
 */
import type { ResultsDocument } from '../compare/results.js';
import { csvReport } from './csv.js';
import type { ReportFormat } from './formats.js';
import { htmlReport } from './html/report.js';
import { jsonReport } from './json.js';
import { type TableOptions, tableReport } from './table.js';

export function renderReport(format: ReportFormat, document: ResultsDocument, table: TableOptions = {}): string {
  switch (format) {
    case 'table':
      return tableReport(document, table);
    case 'json':
      return jsonReport(document);
    case 'csv':
      return csvReport(document);
    case 'html':
      return htmlReport(document);
  }
}
