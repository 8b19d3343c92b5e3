/**
 * The report formats: their names, what files of them are called, and who writes them. A new view is a line here and in
 * render.ts.
 */
import { COMPARE_SCHEMA, type ResultsDocument } from '../compare/results.js';
import { frozen } from '../spec/frozen.js';
import type { TableOptions } from './table.js';

export const REPORT_FORMATS = frozen(['table', 'json', 'csv', 'html'] as const);
export type ReportFormat = (typeof REPORT_FORMATS)[number];

const EXTENSIONS: Record<ReportFormat, string> = { table: 'txt', json: 'json', csv: 'csv', html: 'html' };

/** File an HTML report goes to when the user names none. */
export const DEFAULT_HTML_FILE = 'gmem-report.html';

export type Renderer = (document: ResultsDocument, table?: TableOptions) => string;

/** Who writes a format, loaded now. */
export async function loadRenderer(format: ReportFormat): Promise<Renderer> {
  switch (format) {
    case 'table':
      return (await import('./table.js')).tableReport;
    case 'json':
      return (await import('./json.js')).jsonReport;
    case 'csv':
      return (await import('./csv.js')).csvReport;
    case 'html':
      return (await import('./html/report.js')).htmlReport;
  }
}

/** Name of a report's file in a folder of reports. */
export function reportFileName(format: ReportFormat, document: Pick<ResultsDocument, 'schema'>): string {
  if (format === 'html') return DEFAULT_HTML_FILE;
  return `gmem-${document.schema === COMPARE_SCHEMA ? 'compare' : 'replay'}.${EXTENSIONS[format]}`;
}
