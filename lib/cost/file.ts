/**
 * Cost files: numbers of a machine, in place of the built-in ones.
 *
 *     { "name": "my EPYC 9554", "source": "perf stat, 2026-03", "cycles": { "psmash": 3100, "exit": { "cycles": 9000, "source": "..." } } }
 *
 * Events that are not named keep the built-in number. A fraction is legal, a negative number is not.
 */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { GmemError } from '../engine/error.js';
import { COST_EVENT_NAMES, type CostEvent } from './events.js';
import { type CostEntry, type CostTable, withCosts } from './table.js';

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
  const parsed = schema.safeParse(document.toJS());
  if (!parsed.success) {
    fail(
      path,
      parsed.error.issues.map((issue) => {
        const keys = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys : [];
        const full = [...issue.path, ...keys.slice(0, 1)];
        return `${at(offsetOf(document, full))}: ${full.join('.') || 'file'}: ${explain(issue, full)}`;
      }),
    );
  }
  const replaced: Partial<Record<CostEvent, Omit<CostEntry, 'event'>>> = {};
  for (const [event, value] of Object.entries(parsed.data.cycles)) {
    const own = typeof value === 'number' ? { cycles: value } : value;
    const source = ('source' in own ? own.source : undefined) ?? parsed.data.source ?? `cost file ${path}`;
    replaced[event as CostEvent] = { cycles: own.cycles, basis: 'user', source };
  }
  return withCosts(parsed.data.name ?? path, replaced);
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
