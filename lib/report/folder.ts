/**
 * The results documents of a folder as one: runs of the same input, made one by one, are a comparison.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { CALIBRATION_SCHEMA } from '../calibrate/document.js';
import { COMPARE_SCHEMA, type ResultsDocument, rowName } from '../compare/results.js';
import { parseJson, refuseDocument } from '../document/json.js';
import { GmemError } from '../engine/error.js';
import { reasonOf } from '../trace/source.js';
import { differences } from './apart.js';
import { documentProblems } from './schema.js';

/** A document and the file it is of. */
interface Read {
  readonly file: string;
  readonly document: ResultsDocument;
}

export interface Folder {
  readonly document: ResultsDocument;
  /** Files it is of. */
  readonly files: readonly string[];
  /** Files that were left out, with the reason. */
  readonly skipped: readonly string[];
}

/**
 * Reads every `.json` of a folder, in the order of their names.
 *
 * @throws GmemError `ERR_GMEM_INPUT` with every problem of every file at once: what cannot be read, is no results document, or
 *   does not belong with the others.
 */
export async function readFolder(folder: string): Promise<Folder> {
  const problems: string[] = [];
  const skipped: string[] = [];
  const read: Read[] = [];
  for (const name of await jsonFiles(folder)) {
    const file = path.join(folder, name);
    try {
      const text = await readText(file);
      const value = parseJson(text, file, 'a results document');
      if ((value as { schema?: unknown } | null)?.schema === CALIBRATION_SCHEMA) {
        skipped.push(`${file}: a calibration, for --cost of a run`);
      } else {
        refuseDocument(text, file, documentProblems(value), 'document');
        read.push({ file, document: value as ResultsDocument });
      }
    } catch (error) {
      if (!(error instanceof GmemError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw refusal(problems);
  const [first, ...others] = read;
  if (first === undefined) {
    throw refusal([`${folder}: no results in it, accepted: a folder with .json files of gmem compare, replay or run`]);
  }
  const document = others.length === 0 ? first.document : together(first, others);
  return { document, files: read.map(({ file }) => file), skipped };
}

async function jsonFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && entry.name.endsWith('.json'))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    throw refusal([`${folder}: cannot be read: ${reasonOf(error)}`]);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw refusal([`${file}: cannot be read: ${reasonOf(error)}`]);
  }
}

/** Rows of all documents in one, that of the first file with the rows of the others behind its own. */
function together(first: Read, others: readonly Read[]): ResultsDocument {
  const problems: string[] = [];
  const owners = new Map<string, string>();
  for (const { file, document } of [first, ...others]) {
    for (const { key, one, other } of differences(first.document, document)) {
      problems.push(`${file}: ${key} is ${other}, in ${first.file} ${one}, accepted: runs of one input, all set alike`);
    }
    for (const result of document.results) {
      const name = rowName(result);
      const owner = owners.get(name);
      if (owner !== undefined) problems.push(`${file}: ${name} is in ${owner} too, accepted: every policy once`);
      owners.set(name, file);
    }
  }
  if (problems.length > 0) throw refusal(problems);
  const all = [first, ...others].map(({ document }) => document);
  return {
    ...first.document,
    schema: COMPARE_SCHEMA,
    ...(all.some(({ interrupted }) => interrupted) ? { interrupted: true as const } : {}),
    results: all.flatMap(({ results }) => results),
  };
}

function refusal(problems: string[]): GmemError {
  return new GmemError('ERR_GMEM_INPUT', problems.join('\n'), { problems });
}
