/**
 * Cost files: numbers of a machine, in place of the built-in ones.
 *
 *     { "name": "my EPYC 9554", "source": "perf stat, 2026-03", "cycles": { "psmash": 3100, "exit": { "cycles": 9000, "source": "..." } } }
 *
 * Events that are not named keep the built-in number. A fraction is legal, a negative number is not. A calibration
 * (`gmem calibrate`, `"schema": "gmem.calibration/1"`) is a cost file too.
 */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { CALIBRATION_SCHEMA, type Calibration, calibrationSchema, machineLine } from '../calibrate/document.js';
import { GmemError } from '../engine/error.js';
import { COST_EVENT_NAMES, type CostEvent } from './events.js';
import { type CostEntry, type CostTable, withCosts } from './table.js';

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
    const message = `${path}: cannot be read: ${(cause as Error).message}`;
    throw new GmemError('ERR_GMEM_INPUT', message, { problems: [message], cause });
  }
  return parseCostFile(text, path);
}

/** The table a cost file's text describes; `path` names it in messages. */
export function parseCostFile(text: string, path: string): CostTable {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, schema: 'json', uniqueKeys: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    fail(
      path,
      document.errors.map((error) => `${at(error.pos[0])}: ${error.message.split('\n')[0]}`),
    );
  }
  const content: unknown = document.toJS();
  const checked = <T>(accepted: z.ZodType<T>, say: typeof explain): T => {
    const parsed = accepted.safeParse(content);
    if (parsed.success) return parsed.data;
    return fail(
      path,
      parsed.error.issues.map((issue) => {
        const keys = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys : [];
        const full = [...issue.path, ...keys.slice(0, 1)];
        return `${at(offsetOf(document, full))}: ${full.join('.') || 'file'}: ${say(issue, full)}`;
      }),
    );
  };
  const kind = (content as { schema?: unknown } | null | undefined)?.schema;
  // A file that names a schema means to be of it; one that names another is told so.
  if (kind !== undefined) return ofCalibration(checked(calibrationSchema, explainCalibration));
  const { name, source: common, cycles: numbers } = checked(schema, explain);
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

function explainCalibration(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): string {
  if (path[0] === 'schema')
    return `accepted: ${JSON.stringify(CALIBRATION_SCHEMA)}, or no schema for a plain cost file`;
  if (issue.code === 'unrecognized_keys' || issue.code === 'invalid_key') return `unknown key of ${CALIBRATION_SCHEMA}`;
  return issue.message;
}

function explain(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): string {
  if (issue.code === 'unrecognized_keys' || issue.code === 'invalid_key') {
    const accepted =
      path.length > 2 ? 'cycles, source' : path[0] === 'cycles' ? COST_EVENT_NAMES.join(', ') : 'name, source, cycles';
    return `unknown key, accepted: ${accepted}`;
  }
  if (path[0] === 'cycles' && path.length > 1) return 'must be a number of cycles, 0 or more, or {cycles, source}';
  return issue.message;
}

/** Where in the text the value (or, for an unknown key, its object) stands. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const range = (node as { range?: [number, number, number] } | null | undefined)?.range;
    if (range) return range[0];
  }
  return 0;
}

function fail(path: string, problems: string[]): never {
  throw new GmemError('ERR_GMEM_INPUT', `${path}: ${problems.length} problem(s) in the cost file`, { problems });
}
