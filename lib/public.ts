/**
 * The package's edge for streams, files and comparisons: the same functions the command uses, with the arguments of a
 * stranger checked first (GmemError `ERR_GMEM_ARGUMENT`).
 */
import * as calibrating from './calibrate/calibrate.js';
import { type Calibration, calibrationSchema, formatCalibration as formatted } from './calibrate/document.js';
import { FIGURE_NAMES } from './calibrate/figures.js';
import * as comparing from './compare/compare.js';
import type { ResultsDocument } from './compare/results.js';
import { COST_EVENT_NAMES } from './cost/events.js';
import { parseCostFile } from './cost/file.js';
import type { CostTable } from './cost/table.js';
import { explain } from './document/explain.js';
import { writtenPath } from './document/path.js';
import {
  argumentError,
  checkKeys,
  toBoolean,
  toByteArray,
  toBytes,
  toChoice,
  toInstance,
  toInteger,
  toText,
} from './engine/arguments.js';
import { GmemError } from './engine/error.js';
import { ENGINES } from './engine/options.js';
import * as jsonl from './ops/jsonl.js';
import * as packed from './ops/packed.js';
import { shown } from './ops/problems.js';
import { findBadRecord } from './ops/record-check.js';
import { checkHeld } from './ops/records.js';
import * as sources from './ops/source.js';
import { OpStream } from './ops/stream.js';
import { REPORT_FORMATS, type ReportFormat } from './report/formats.js';
import { renderReport as render } from './report/render.js';
import { documentProblems, pathText } from './report/schema.js';
import { ARCHES } from './spec/knobs.js';
import { type Input, type InputOptions, openInput as open } from './trace/input.js';
import { writeStream as write } from './trace/output.js';
import { ScenarioOps } from './workload/ops.js';
import { openScenario as readScenario, type Scenario, type ScenarioOptions } from './workload/scenario.js';

/** Every key an options type has, so that none of it is refused for being forgotten here. */
type Keys<T> = Record<keyof T, true>;

const COMPARE_OPTIONS: Keys<comparing.CompareOptions> = {
  policies: true,
  engine: true,
  arch: true,
  memoryBytes: true,
  seed: true,
  costs: true,
  latency: true,
  vcpus: true,
  signal: true,
  onProgress: true,
  samples: true,
};
const { policies: _, ...SHARED_OPTIONS } = COMPARE_OPTIONS;
const REPLAY_OPTIONS: Keys<comparing.ReplayOptions> = { policy: true, ...SHARED_OPTIONS, outcomes: true, verify: true };
const COMPARE_KEYS = Object.keys(COMPARE_OPTIONS);
const REPLAY_KEYS = Object.keys(REPLAY_OPTIONS);

function isCostTable(value: unknown): value is CostTable {
  const { name, origin, entries } = Object(value) as Partial<CostTable>;
  const known: unknown = origin?.kind;
  return (
    typeof name === 'string' &&
    typeof known === 'string' &&
    COST_EVENT_NAMES.every((event) => Number.isFinite(Object(entries)[event]?.cycles))
  );
}

function checkStream(value: unknown): OpStream {
  const stream = toInstance('stream', value, OpStream);
  checkHeld(stream.records);
  const bad = findBadRecord(stream.records.bytes, 0, stream.length);
  if (bad !== undefined) throw argumentError(`record ${bad.record}: ${bad.message}`);
  return stream;
}

/** A stream, or a scenario's ops, which cannot be wrong. */
function checkOps(value: unknown): sources.OpSource {
  return value instanceof ScenarioOps ? value : checkStream(value);
}

function checkInput(input: unknown): void {
  const { ops, path, format, fitted, sha256, set } = Object(input) as Partial<comparing.CompareInput>;
  // To ask an opened input for its stream is to have it read into memory.
  const given = ops ?? (Object(input) as Partial<comparing.CompareInput>).stream;
  if (given === undefined || given === null) {
    throw argumentError('input: without ops, accepted: what openInput gives, or { path, format, stream }');
  }
  checkOps(given);
  toText('input.path', path);
  toText('input.format', format);
  // What a report would refuse of the document.
  if (fitted !== undefined) toBoolean('input.fitted', fitted);
  if (sha256 !== undefined) toText('input.sha256', sha256);
  checkTexts('input.set', set);
}

function checkRun(options: unknown, accepted: readonly string[]): void {
  const given = checkKeys('options', options, accepted);
  const { engine, arch, memoryBytes, seed, costs, latency, signal, onProgress, policies, samples } = given;
  if (engine !== undefined) toChoice('engine', engine, ENGINES);
  if (arch !== undefined) toChoice('arch', arch, ARCHES);
  if (memoryBytes !== undefined) toBytes('memoryBytes', memoryBytes);
  if (seed !== undefined) toInteger('seed', seed, 0, 0xffffffff);
  if (costs !== undefined && !isCostTable(costs)) throw argumentError('costs: accepted: what parseCosts gives');
  if (latency !== undefined) toBoolean('latency', latency);
  if (samples !== undefined) toInteger('samples', samples, 0, 1e6);
  if (signal !== undefined) toInstance('signal', signal, AbortSignal);
  if (policies !== undefined && toInstance('policies', policies, Array).length === 0) {
    throw argumentError('policies: none given, accepted: one or more, or without for every preset');
  }
  if (onProgress !== undefined) toInstance('onProgress', onProgress, Function);
}

/** Runs an input under every policy, or those of `options.policies`; one that cannot run is a result with `refused`. */
export async function compare(
  input: comparing.CompareInput,
  options: comparing.CompareOptions = {},
): Promise<ResultsDocument> {
  checkInput(input);
  checkRun(options, COMPARE_KEYS);
  return comparing.compare(input, options);
}

/** Runs an input under one policy. */
export async function replay(
  input: comparing.CompareInput,
  options: comparing.ReplayOptions,
): Promise<ResultsDocument> {
  checkInput(input);
  checkRun(options, REPLAY_KEYS);
  return comparing.replay(input, options);
}

function refuseProblems(accepted: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new GmemError('ERR_GMEM_ARGUMENT', `${accepted}\n${problems.join('\n')}`, { problems });
}

function checkTexts(name: string, values: unknown): void {
  if (values === undefined) return;
  for (const [i, value] of toInstance(name, values, Array).entries()) toText(`${name}[${i}]`, value);
}

/**
 * Reads a scenario file.
 *
 * @throws GmemError `ERR_GMEM_INPUT` with every problem of the file at once.
 */
export async function openScenario(path: string, options: ScenarioOptions = {}): Promise<Scenario> {
  checkKeys('options', options, ['set']);
  checkTexts('set', options.set);
  return readScenario(toText('path', path), options);
}

/** All ops of a stream or a scenario as one stream in memory. */
export function gathered(ops: sources.OpSource): OpStream {
  return sources.gathered(checkOps(ops));
}

/**
 * Reads any input the command reads; its content tells the format.
 *
 * @throws GmemError `ERR_GMEM_INPUT` with every problem of the file at once.
 */
export async function openInput(path: string, options: InputOptions = {}): Promise<Input> {
  checkKeys('options', options, ['format', 'fit', 'settings', 'seed']);
  checkTexts('settings', options.settings);
  if (options.seed !== undefined) toInteger('seed', options.seed, 0, 0xffffffff);
  return open(toText('path', path), options);
}

/** Writes a stream or the ops of a scenario as `.jsonl`, `.jsonl.gz` or `.gmt`, by the file's name. */
export async function writeStream(ops: sources.OpSource, path: string): Promise<void> {
  return write(checkOps(ops), toText('path', path));
}

/** Reads JSON lines. `file` is the name in front of every problem. */
export function parseJsonl(content: string | Uint8Array, file = 'input'): OpStream {
  const whole = typeof content === 'string' ? content : toByteArray('content', content);
  return jsonl.parseJsonl(whole, toText('file', file));
}

export function formatJsonl(stream: OpStream): string {
  return jsonl.formatJsonl(checkStream(stream));
}

/** Reads the packed form. `file` is the name in front of every problem. */
export function parsePacked(bytes: Uint8Array, file = 'input'): OpStream {
  return packed.parsePacked(toByteArray('bytes', bytes), toText('file', file));
}

export function formatPacked(stream: OpStream): Uint8Array {
  return packed.formatPacked(checkStream(stream));
}

/**
 * Measures this host: medians and their spread of faults, allocation, clearing and system calls, and the cycles an event that
 * follow. Half a minute, and up to 1 GiB of memory while it runs.
 *
 * @throws GmemError (as a rejection) `ERR_GMEM_ABORTED` when the signal fired: half a calibration is none. `ERR_GMEM_ADDON`.
 */
export async function calibrate(options: calibrating.CalibrateOptions = {}): Promise<Calibration> {
  const { repetitions, figures, signal, onProgress } = checkKeys('options', options, [
    'repetitions',
    'figures',
    'signal',
    'onProgress',
  ]);
  if (repetitions !== undefined) toInteger('repetitions', repetitions, 1, 1000);
  if (signal !== undefined) toInstance('signal', signal, AbortSignal);
  if (onProgress !== undefined) toInstance('onProgress', onProgress, Function);
  if (figures !== undefined) {
    for (const [i, figure] of toInstance('figures', figures, Array).entries()) {
      toChoice(`figures[${i}]`, figure, FIGURE_NAMES);
    }
  }
  return calibrating.calibrate(options);
}

/**
 * The file of a calibration.
 *
 * @throws GmemError `ERR_GMEM_ARGUMENT` for what is no calibration; the message names the keys.
 */
export function formatCalibration(calibration: Calibration): string {
  const parsed = calibrationSchema.safeParse(calibration);
  const problems = (parsed.error?.issues ?? []).map((issue) =>
    issue.code === 'unrecognized_keys'
      ? `${writtenPath(issue.path) || 'calibration'}: unknown key ${issue.keys.map(shown).join(', ')}`
      : `${writtenPath(issue.path) || 'calibration'}: ${explain(issue, calibration)}`,
  );
  refuseProblems('calibration: accepted: what calibrate gives', problems);
  return formatted(calibration);
}

/**
 * Reads a calibration, or a cost file, from text: the table of cycles that `costs` of a comparison takes. `file` is the name in
 * front of every problem.
 *
 * @throws GmemError `ERR_GMEM_INPUT` with every problem of the text at once.
 */
export function parseCosts(content: string, file = 'costs'): CostTable {
  return parseCostFile(toText('content', content), toText('file', file));
}

/**
 * A report as text.
 *
 * @throws GmemError `ERR_GMEM_ARGUMENT` for what is no results document; the message names the keys.
 */
export function renderReport(format: ReportFormat, document: ResultsDocument): string {
  toChoice('format', format, REPORT_FORMATS);
  const problems = documentProblems(document).map(({ path, message }) => `${pathText(path)}: ${message}`);
  refuseProblems('document: accepted: what compare or replay gives', problems);
  return render(format, document);
}
