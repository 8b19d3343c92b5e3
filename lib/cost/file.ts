/**
 * Cost files: numbers of a machine, in place of the built-in ones.
 *
 *     { "name": "my EPYC 9554", "source": "perf stat, 2026-03", "cycles": { "psmash": 3100, "exit": { "cycles": 9000, "source": "..." } } }
 *
 * Events that are not named keep the built-in number. A fraction is legal, a negative number is not. A calibration
 * (`gmem calibrate`, `"schema": "gmem.calibration/1"`) is a cost file too.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { CALIBRATION_SCHEMA, type Calibration, calibrationSchema, machineLine } from '../calibrate/document.js';
import { acceptedBy, explain, valueAt } from '../document/explain.js';
import { type DocumentProblem, parseJson, refuseDocument, repeatedKeys } from '../document/json.js';
import type { KeyPath } from '../document/path.js';
import { inputError, shown } from '../ops/problems.js';
import { didYouMean } from '../ops/suggest.js';
import { reasonOf } from '../trace/source.js';
import { COST_EVENT_NAMES, type CostEvent } from './events.js';
import { type CostEntry, type CostTable, withCosts } from './table.js';

const FILE_KEYS = ['name', 'source', 'cycles'];
const OWN_KEYS = ['cycles', 'source'];

type Replaced = Partial<Record<CostEvent, Omit<CostEntry, 'event'>>>;

const cycles = z.number().nonnegative().finite();
const schema = z.strictObject({
  name: z.string().min(1).optional(),
  source: z.string().min(1).optional(),
  cycles: z.partialRecord(
    z.enum(COST_EVENT_NAMES as [CostEvent, ...CostEvent[]]),
    z.union([cycles, z.strictObject({ cycles, source: z.string().min(1).optional() })]),
  ),
});

/**
 * Reads a cost file.
 *
 * @throws GmemError `ERR_GMEM_INPUT`, every problem as `file:line:column: key: what is wrong`.
 */
export async function readCostFile(path: string): Promise<CostTable> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw inputError(path, `cannot be read: ${reasonOf(cause)}`, cause);
  }
  return parseCostFile(text, path);
}

/** The table a cost file's text describes; `path` names it in messages. @throws as readCostFile. */
export function parseCostFile(text: string, path: string): CostTable {
  const content = parseJson(text, path, 'a cost file, or what gmem calibrate writes');
  const checked = <T>(accepted: z.ZodType<T>, explained: typeof problemsOf): T => {
    const parsed = accepted.safeParse(content);
    const found = parsed.success ? [] : parsed.error.issues.flatMap((issue) => explained(issue, content));
    refuseDocument(text, path, [...repeatedKeys(text), ...found], 'file');
    return parsed.data as T;
  };
  const kind = (content as { schema?: unknown } | null | undefined)?.schema;
  // A file that names a schema means to be of it; one that names another is told so.
  if (kind !== undefined) return ofCalibration(checked(calibrationSchema, calibrationProblemsOf));
  const { name, source: common, cycles: numbers } = checked(schema, problemsOf);
  const replaced: Replaced = {};
  for (const [event, value] of Object.entries(numbers)) {
    const own = typeof value === 'number' ? { cycles: value } : value;
    const source = ('source' in own ? own.source : undefined) ?? common ?? `cost file ${path}`;
    replaced[event as CostEvent] = { cycles: own.cycles, basis: 'user', source };
  }
  return withCosts(name ?? path, replaced);
}

/** What the host that was measured says, event by event; the file holds the built-in numbers of its day for the rest. */
function ofCalibration(calibration: Calibration): CostTable {
  const replaced: Replaced = calibration.cycles;
  const machine = machineLine(calibration);
  return withCosts('calibration', replaced, { kind: 'calibration', date: calibration.date, machine });
}

function calibrationProblemsOf(issue: z.core.$ZodIssue, content: unknown): DocumentProblem[] {
  if (issue.path[0] === 'schema') {
    const message = `accepted: ${JSON.stringify(CALIBRATION_SCHEMA)}, or no schema for a plain cost file`;
    return [{ path: issue.path, message }];
  }
  const keys = unknownKeys(issue);
  if (keys.length > 0)
    return keys.map((path) => ({ path, ofKey: true, message: `unknown key of ${CALIBRATION_SCHEMA}` }));
  return [{ path: issue.path, message: explain(issue, content) }];
}

function problemsOf(issue: z.core.$ZodIssue, content: unknown): DocumentProblem[] {
  const { path } = issue;
  const unknown = unknownKeys(issue);
  if (unknown.length > 0) {
    return unknown.map((full) => {
      const accepted = full.length > 2 ? OWN_KEYS : full.length > 1 ? COST_EVENT_NAMES : FILE_KEYS;
      const key = String(full.at(-1));
      const misplaced = full.length === 1 && (COST_EVENT_NAMES as readonly string[]).includes(key);
      const hint = misplaced ? ' here: events are keys of cycles' : didYouMean(key, accepted);
      return { path: full, ofKey: true, message: `unknown key${hint}, accepted: ${accepted.join(', ')}` };
    });
  }
  const value = valueAt(content, path);
  const got = value === undefined ? 'missing' : `got ${shown(value)}`;
  const accepted =
    path.length === 0
      ? `an object with ${FILE_KEYS.join(', ')}`
      : path[0] !== 'cycles'
        ? acceptedBy(issue)
        : path.length > 1
          ? 'a number of cycles, 0 or more, or {cycles, source}'
          : `an object of events and their cycles: ${COST_EVENT_NAMES.join(', ')}`;
  return [{ path, message: `${got}, accepted: ${accepted}` }];
}

/** Paths of the keys that an issue says are not known; those of a value that may be a number or an object, too. */
function unknownKeys(issue: z.core.$ZodIssue): KeyPath[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => [...issue.path, key]);
  if (issue.code === 'invalid_key') return [issue.path];
  return [];
}
