/**
 * Files a command reads and files it writes are different ones, else a report would take the place of what it reports on. Told
 * before any is opened, and by what the names lead to: links change nothing. Devices and pipes are not looked at.
 */
import { type BigIntStats, fstat } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ResultsDocument } from '../compare/results.js';
import { reportFileName } from '../report/formats.js';
import { UsageError } from './exit.js';
import type { Target } from './output.js';

/** A file, and the argument or option that names it; `-` is standard input or output. */
export interface NamedFile {
  readonly option: string;
  readonly path: string;
}

/** What a command writes. */
export interface Places {
  readonly targets: readonly Target[];
  /** Of the document the reports are made of: files of a folder are named by it. */
  readonly schema: ResultsDocument['schema'];
  /** The file of `--outcomes`. */
  readonly outcomes?: string | undefined;
}

export function filesWritten({ targets, schema, outcomes }: Places): NamedFile[] {
  const reports = targets.map((target): NamedFile => {
    if (target.to === 'stdout') return { option: 'stdout', path: '-' };
    const inFolder = target.to === 'folder' ? reportFileName(target.format, { schema }) : '';
    return { option: '-o', path: path.join(target.path, inFolder) };
  });
  return outcomes === undefined ? reports : [{ option: '--outcomes', path: outcomes }, ...reports];
}

/** @throws UsageError when a file that is written is also read, or written by another option. */
export async function keepApart(read: readonly NamedFile[], written: readonly NamedFile[]): Promise<void> {
  const owners = new Map<string, NamedFile>();
  for (const file of read) {
    const key = await identity(file.path, STDIN);
    if (key !== undefined) owners.set(key, file);
  }
  for (const file of written) {
    const key = await identity(file.path, STDOUT);
    if (key === undefined) continue;
    const owner = owners.get(key);
    if (owner !== undefined) {
      throw new UsageError(`${said(file)} is the same file as ${said(owner)}. Accepted: a file of its own`);
    }
    owners.set(key, file);
  }
}

function said({ option, path: name }: NamedFile): string {
  return name === '-' ? option : `${option}: ${name}`;
}

const STDIN = 0;
const STDOUT = 1;
/** Links on the way to one file; the kernel follows as many. */
const MOST_LINKS = 40;

/** The same for two names of one file; `undefined` for what is no plain file. */
async function identity(name: string, standard: number): Promise<string | undefined> {
  const found = await (name === '-'
    ? promisify(fstat)(standard, { bigint: true })
    : stat(name, { bigint: true })
  ).catch(() => undefined);
  if (found !== undefined) return (found as BigIntStats).isFile() ? `${found.dev}:${found.ino}` : undefined;
  return name === '-' ? undefined : placeOf(path.resolve(name), MOST_LINKS);
}

/** Where a file would be made: its folder's own name, as far as there is one, and the rest as it was written. */
async function placeOf(absolute: string, links: number): Promise<string> {
  const target = links > 0 ? await readlink(absolute).catch(() => undefined) : undefined;
  if (target !== undefined) return placeOf(path.resolve(path.dirname(absolute), target), links - 1);
  const real = await realpath(absolute).catch(() => undefined);
  const folder = path.dirname(absolute);
  if (real !== undefined || folder === absolute) return real ?? absolute;
  return path.join(await placeOf(folder, links), path.basename(absolute));
}
