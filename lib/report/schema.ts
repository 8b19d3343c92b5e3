/**
 * What a results document must be for a report to be made of it, as a schema: a file may come from anywhere. Keys of a later
 * version are let pass, those a report reads are checked. Derived from the tables the document is made with.
 */
import { z } from 'zod';
import { MAP_CELLS } from '../compare/memory-map.js';
import { COMPARE_SCHEMA, REPLAY_SCHEMA, TIMELINE_COLUMNS } from '../compare/results.js';
import { COST_EVENT_NAMES, type CostEvent } from '../cost/events.js';
import { COST_BASES } from '../cost/table.js';
import { explain } from '../document/explain.js';
import type { DocumentProblem } from '../document/json.js';
import { type KeyPath, writtenPath } from '../document/path.js';
import { ENGINES } from '../engine/options.js';
import { COUNTER_NAMES } from '../spec/counters.js';
import { ARCHES, KNOB_NAMES, KNOBS } from '../spec/knobs.js';

const text = z.string();
const number = z.number();
const count = z.number().nonnegative();
const costEvent = z.enum(COST_EVENT_NAMES as [CostEvent, ...CostEvent[]]);
const engine = z.enum(ENGINES);

const knobs = z.looseObject(
  Object.fromEntries(
    KNOB_NAMES.map((name) => [name, z.literal(KNOBS[name] as readonly (string | boolean)[] as [string | boolean])]),
  ),
);

const counters = z.looseObject({
  ...Object.fromEntries(COUNTER_NAMES.map((name) => [name, count])),
  errors: z.record(text, count),
});

const modelled = z.looseObject({
  cycles_total: count,
  cycles: z.partialRecord(costEvent, count),
  plain_conversion_cycles: count,
});

const timeline = z.looseObject({
  axis: z.enum(['t_us', 'op']),
  columns: z.tuple(TIMELINE_COLUMNS.map((name) => z.literal(name)) as [z.ZodLiteral<string>]),
  rows: z.array(z.array(number).length(TIMELINE_COLUMNS.length)),
});

const fileMap = z.looseObject({
  gmem: count,
  size_bytes: count,
  cell_bytes: z.number().positive(),
  blocks_per_cell: z.number().positive(),
  cells: z
    .string()
    .regex(
      new RegExp(`^[${Object.keys(MAP_CELLS).join('')}]*$`),
      `cells of the map: ${Object.keys(MAP_CELLS).join('')}`,
    ),
});

const row = { policy: text, setting: text.optional(), engine };

const ran = z.looseObject({
  ...row,
  knobs,
  ops: count,
  interrupted: z.literal(true).optional(),
  violations: z.array(text).optional(),
  counters,
  modelled,
  timeline: timeline.optional(),
  memory_map: z.array(fileMap).optional(),
  host: z.object({ engine_ns: count, ops_per_second: count }).catchall(z.union([number, text])),
});

const refused = z.looseObject({ ...row, refused: text });

const schemaKey = z.looseObject({ schema: z.enum([COMPARE_SCHEMA, REPLAY_SCHEMA]) });

const documentSchema = z.looseObject({
  tool: z.looseObject({ name: text, version: text }),
  input: z.looseObject({
    path: text,
    format: text,
    sha256: text.optional(),
    set: z.array(text).optional(),
    ops: count,
    guest_bytes: count,
    guests: count.optional(),
    guest_bytes_peak: count.optional(),
    fitted: z.boolean(),
    duration_us: number.optional(),
  }),
  settings: z.looseObject({
    arch: z.enum(ARCHES),
    memory_bytes: count,
    seed: count,
    contents: z.boolean(),
    vcpus: count.optional(),
  }),
  sweep: z
    .looseObject({
      key: text,
      values: z.array(text),
      arch: z.enum(ARCHES).optional(),
      memory_bytes: count.optional(),
    })
    .optional(),
  interrupted: z.literal(true).optional(),
  results: z.array(z.unknown()),
  cost_origin: z.looseObject({
    name: text,
    kind: z.enum(['built-in', 'cost file', 'calibration']),
    date: text.optional(),
    machine: text.optional(),
  }),
  cost_table: z.array(z.looseObject({ event: costEvent, cycles: count, basis: z.enum(COST_BASES), source: text })),
  host: z.looseObject({ node: text, cpu: text, cpus: count, memory_bytes: count, kernel: text }),
});

/** What is wrong with a value as a results document; nothing: it is one. */
export function documentProblems(value: unknown): DocumentProblem[] {
  const kind = schemaKey.safeParse(value);
  // Of something else altogether, one thing is wrong.
  if (!kind.success) return problemsOf(kind.error, value);
  const parsed = documentSchema.safeParse(value);
  if (!parsed.success) return problemsOf(parsed.error, value);
  return parsed.data.results.flatMap((result, i) => {
    const isRefused = typeof result === 'object' && result !== null && 'refused' in result;
    const row = (isRefused ? refused : ran).safeParse(result);
    return row.success ? [] : problemsOf(row.error, result, ['results', i]);
  });
}

function problemsOf(error: z.ZodError, value: unknown, outer: readonly (string | number)[] = []): DocumentProblem[] {
  return error.issues.map((issue) => ({ path: [...outer, ...issue.path], message: explain(issue, value) }));
}

/** `results[0].counters.faults_4k` */
export function pathText(path: KeyPath): string {
  return writtenPath(path) || 'document';
}
