/**
 * The report formats: their names, what files of them are called, and who writes them. A new view is one line here.
 */
import { COMPARE_SCHEMA, type ResultsDocument } from '../compare/results.js';
import { csvReport } from './csv.js';
import { htmlReport } from './html/report.js';
import { jsonReport } from './json.js';
import { type TableOptions, tableReport } from './table.js';

export const REPORT_FORMATS = ['table', 'json', 'csv', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

const EXTENSIONS: Record<ReportFormat, string> = { table: 'txt', json: 'json', csv: 'csv', html: 'html' };

/** File an HTML report goes to when the user names none. */
export const DEFAULT_HTML_FILE = 'gmem-report.html';

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

/** Name of a report's file in a folder of reports. */
export function reportFileName(format: ReportFormat, document: ResultsDocument): string {
  if (format === 'html') return DEFAULT_HTML_FILE;
  return `gmem-${document.schema === COMPARE_SCHEMA ? 'compare' : 'replay'}.${EXTENSIONS[format]}`;
}
