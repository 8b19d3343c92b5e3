/**
 * Where reports go: data to stdout or files, messages to stderr. The plan is made before anything runs, so that a run of an
 * hour does not end in a usage error.
 */
import { mkdir, open, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ResultsDocument } from '../compare/results.js';
import { GmemError } from '../engine/error.js';
import { visible } from '../ops/problems.js';
import { DEFAULT_HTML_FILE, loadRenderer, type ReportFormat, reportFileName } from '../report/formats.js';
import { reasonOf } from '../trace/source.js';
import { EXIT, UsageError } from './exit.js';

export type Target = { format: ReportFormat } & (
  | { to: 'stdout' }
  | { to: 'file'; path: string }
  | { to: 'folder'; path: string }
);

/**
 * Decides where each format goes.
 *
 * @throws UsageError when two would share stdout or one file, and when a place cannot be written.
 */
export async function planOutput(formats: readonly ReportFormat[], output: string | undefined): Promise<Target[]> {
  const targets = await placesOf(formats, output);
  for (const target of targets) if (target.to !== 'stdout') await probe(target.path, target.to);
  return targets;
}

async function placesOf(formats: readonly ReportFormat[], output: string | undefined): Promise<Target[]> {
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
  if (output === '') throw new UsageError('-o: no name. Accepted: a file, a folder, or - for stdout');
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

/** Finds out whether a place can be written by trying, and leaves nothing behind. Devices and pipes are not touched. */
async function probe(place: string, kind: 'file' | 'folder'): Promise<void> {
  try {
    const found = await stat(place).catch(() => undefined);
    if (found?.isFile()) return await (await open(place, 'r+')).close();
    if (found !== undefined && !found.isDirectory()) return;
    let folder = kind === 'file' ? path.dirname(place) : path.resolve(place);
    while ((await stat(folder).catch(() => undefined)) === undefined) folder = path.dirname(folder);
    const name = path.join(folder, `.gmem-${process.pid}.part`);
    await (await open(name, 'wx')).close();
    await rm(name);
  } catch (error) {
    throw new UsageError(`-o: ${place} cannot be written: ${reasonOf(error)}`);
  }
}

/** Writes the reports. @throws GmemError `ERR_GMEM_HOST` with the reason of the operating system. @returns the files written. */
export async function writeReports(targets: readonly Target[], document: ResultsDocument): Promise<string[]> {
  const files: string[] = [];
  for (const target of targets) {
    const render = await loadRenderer(target.format);
    if (target.to === 'stdout') {
      const { isTTY, columns } = process.stdout;
      const color = isTTY === true && !process.env.NO_COLOR;
      await writeOut(render(document, { color, width: isTTY ? Math.max(80, columns || 160) : 160 }));
      continue;
    }
    const file = target.to === 'folder' ? path.join(target.path, reportFileName(target.format, document)) : target.path;
    const text = render(document);
    try {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
    } catch (error) {
      throw new GmemError('ERR_GMEM_HOST', `${file}: cannot be written: ${reasonOf(error)}`, { cause: error });
    }
    files.push(file);
  }
  return files;
}

/** Says on stderr which files there are now. */
export function sayWritten(files: readonly string[]): void {
  for (const file of files) {
    process.stderr.write(`wrote ${visible(file)}${file.endsWith('.html') ? ' (open it in a browser)' : ''}\n`);
  }
}

/** Writes to stdout and waits until it is taken. */
export function writeOut(text: string): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(text)) resolve();
    else process.stdout.once('drain', resolve);
  });
}

/** A reader that goes away (`gmem ... | head`) ends the program quietly, anything else (a full disk) with its reason. */
export function endWithStdout(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    process.stderr.write(`gmem: stdout: cannot be written: ${reasonOf(error)}\n`);
    process.exit(EXIT.failed);
  });
  process.stderr.on('error', () => {});
}
