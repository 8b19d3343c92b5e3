/**
 * Where reports go: data to stdout or files, messages to stderr. The plan is made before anything runs, so that a run of an
 * hour does not end in a usage error.
 */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ResultsDocument } from '../compare/results.js';
import { DEFAULT_HTML_FILE, type ReportFormat, renderReport, reportFileName } from '../report/formats.js';
import { UsageError } from './exit.js';

export type Target = { format: ReportFormat } & (
  | { to: 'stdout' }
  | { to: 'file'; path: string }
  | { to: 'folder'; path: string }
);

/**
 * Decides where each format goes.
 *
 * @throws UsageError when two would share stdout or one file.
 */
export async function planOutput(formats: readonly ReportFormat[], output: string | undefined): Promise<Target[]> {
  if (output === undefined) {
    const texts = formats.filter((format) => format !== 'html');
    if (texts.length > 1)
      throw new UsageError(`--format: ${texts.join(' and ')} cannot share stdout; give a folder with -o`);
    return formats.map((format) =>
      format === 'html' ? { format, to: 'file', path: DEFAULT_HTML_FILE } : { format, to: 'stdout' },
    );
  }
  if (output === '-') {
    if (formats.length > 1)
      throw new UsageError(`--format: ${formats.join(' and ')} cannot share stdout; give a folder with -o`);
    return formats.map((format) => ({ format, to: 'stdout' }));
  }
  const found = await stat(output).catch(() => undefined);
  const folder = found?.isDirectory() === true || /[/\\]$/.test(output) || formats.length > 1;
  if (folder && found !== undefined && !found.isDirectory()) {
    throw new UsageError(`-o: ${output} is a file, and ${formats.length} formats need a folder`);
  }
  if (
    !folder &&
    found === undefined &&
    (await stat(path.dirname(output)).catch(() => undefined))?.isDirectory() !== true
  ) {
    throw new UsageError(`-o: there is no folder ${path.dirname(output)}`);
  }
  return formats.map((format) => ({ format, to: folder ? 'folder' : 'file', path: output }));
}

/** Writes the reports. @returns the files written. */
export async function writeReports(targets: readonly Target[], document: ResultsDocument): Promise<string[]> {
  const files: string[] = [];
  for (const target of targets) {
    if (target.to === 'stdout') {
      const { isTTY, columns } = process.stdout;
      const color = isTTY === true && !process.env.NO_COLOR;
      await writeOut(
        renderReport(target.format, document, { color, width: isTTY ? Math.max(80, columns || 160) : 160 }),
      );
      continue;
    }
    const file = target.to === 'folder' ? path.join(target.path, reportFileName(target.format, document)) : target.path;
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, renderReport(target.format, document));
    files.push(file);
  }
  return files;
}

/** Writes to stdout and waits until it is taken. */
export function writeOut(text: string): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(text)) resolve();
    else process.stdout.once('drain', resolve);
  });
}

/** A reader that goes away (`gmem ... | head`) ends the program quietly. */
export function quietOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  process.stderr.on('error', () => {});
}
