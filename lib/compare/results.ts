/**
 * What a comparison or a replay says: the documents `gmem.compare/1` and `gmem.replay/1`. Reports know nothing else.
 *
 * Everything outside a `host` object is simulated: the same input, options and seed give the same bytes, on every engine.
 * Keys carry their unit; numbers are raw.
 */

import type { CostEvent } from '../cost/events.js';
import type { CostEntry, CostOrigin } from '../cost/table.js';
import type { EngineKind } from '../engine/backend.js';
import { visible } from '../ops/problems.js';
import type { Counters } from '../spec/counters.js';
import type { Arch, Knobs } from '../spec/knobs.js';

export const COMPARE_SCHEMA = 'gmem.compare/1';
export const REPLAY_SCHEMA = 'gmem.replay/1';

export interface InputSummary {
  /** As the user gave it. */
  path: string;
  format: string;
  /** Of the file as it stands on disk; absent for a stream made in memory. */
  sha256?: string;
  /** Keys of a scenario set from outside before its ops were made, `key.path=value` each; absent where none was. */
  set?: readonly string[];
  ops: number;
  /** Bytes of gmem the stream's successful-looking `create` ops ask for, together. */
  guest_bytes: number;
  /** How many guests there are, one after the other or side by side; absent for one. */
  guests?: number;
  /** The most bytes of gmem at one time, where that is less than `guest_bytes`. */
  guest_bytes_peak?: number;
  /** VM, gmem file and slot were not in the input and were fitted around it. */
  fitted: boolean;
  /** Last `t` less the first, microseconds; absent when no op carries one. */
  duration_us?: number;
}

export interface RunSettings {
  arch: Arch;
  /** Simulated host memory. */
  memory_bytes: number;
  seed: number;
  /** Page contents were simulated (the input reads some). */
  contents: boolean;
  /** Threads that vCPU ops ran on, where more than one: a few counters may then differ a little (docs/threads.md). */
  vcpus?: number | undefined;
}

/** Modelled cycles: counters times a table, never a measurement. */
export interface Modelled {
  cycles_total: number;
  cycles: Partial<Record<CostEvent, number>>;
  /** What one plain conversion was taken to cost in this run. */
  plain_conversion_cycles: number;
}

export const TIMELINE_COLUMNS = [
  'op',
  't_us',
  'host_pages',
  'gmem_pages',
  'shared_copy_pages',
  'huge_folio_pages',
  'leaves_4k',
  'leaves_2m',
  'leaves_1g',
  'stranded_pages',
  'retained_pages',
  'metadata_bytes',
] as const;
export type TimelineColumn = (typeof TIMELINE_COLUMNS)[number];

/** Gauges between ops. `shared_copy_pages` is what the host holds outside gmem files: copies, orphans, poisoned frames. */
export interface Timeline {
  /** Horizontal axis of choice: `t_us` when the ops carry times, else `op`. */
  axis: 't_us' | 'op';
  columns: readonly TimelineColumn[];
  rows: number[][];
}

/** Final state of one gmem file, a character a cell (lib/compare/memory-map.ts). */
export interface FileMap {
  gmem: number;
  size_bytes: number;
  /** Bytes from one cell to the next. */
  cell_bytes: number;
  /** A cell shows one 2M block; above 1 it stands for this many, of which the first was looked at. */
  blocks_per_cell: number;
  cells: string;
}

export interface HostFigures {
  /** Time inside the engine, nothing else of the program. */
  engine_ns: number;
  ops_per_second: number;
  [figure: string]: number | string;
}

export interface RunResult {
  policy: string;
  /** In a sweep: the key and value of the scenario that this row ran with. */
  setting?: string;
  engine: EngineKind;
  knobs: Knobs;
  /** Ops that ran. */
  ops: number;
  /** Ended by an interrupt before the input's end: every number is of the ops that ran. */
  interrupted?: true;
  /** With `verify`: lines of `Backend.verify()`; empty means every invariant held. */
  violations?: string[];
  counters: Counters;
  modelled: Modelled;
  timeline?: Timeline;
  memory_map?: FileMap[];
  host: HostFigures;
}

/** A policy that cannot run this input here; the others ran. */
export interface RefusedResult {
  policy: string;
  setting?: string;
  engine: EngineKind;
  refused: string;
}

export type PolicyResult = RunResult | RefusedResult;

export interface MachineFigures {
  node: string;
  cpu: string;
  cpus: number;
  memory_bytes: number;
  kernel: string;
}

export interface ResultsDocument {
  schema: typeof COMPARE_SCHEMA | typeof REPLAY_SCHEMA;
  tool: { name: string; version: string };
  input: InputSummary;
  settings: RunSettings;
  /** The rows ran with this key of the scenario at each of these values; `input` and `settings` are of the first. */
  sweep?: {
    key: string;
    values: string[];
    /** Of these, what an option gave every row alike. */
    arch?: Arch;
    memory_bytes?: number;
  };
  interrupted?: true;
  results: PolicyResult[];
  /** Which table `cost_table` is: its name and where it is from. */
  cost_origin: { name: string } & CostOrigin;
  cost_table: CostEntry[];
  host: MachineFigures;
}

/** What a report calls a row. */
export function rowName({ policy, setting }: PolicyResult): string {
  return visible(setting === undefined ? policy : `${policy} ${setting}`);
}

export function isRun(result: PolicyResult): result is RunResult {
  return !('refused' in result);
}
