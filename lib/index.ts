/**
 * gmem-engine: run, measure and compare the designs for KVM's guest_memfd. docs/api.md is the contract of what is
 * exported here.
 */
export type { CalibrateOptions } from './calibrate/calibrate.js';
export { CALIBRATION_SCHEMA, type Calibration } from './calibrate/document.js';
export { FIGURE_NAMES, type FigureName } from './calibrate/figures.js';
export type { CompareInput, CompareOptions, Progress, ReplayOptions } from './compare/compare.js';
export {
  COMPARE_SCHEMA,
  type PolicyResult,
  REPLAY_SCHEMA,
  type RefusedResult,
  type ResultsDocument,
  type RunResult as PolicyRun,
} from './compare/results.js';
export type { CostTable } from './cost/table.js';
export type { Size } from './engine/arguments.js';
export type { EngineKind } from './engine/backend.js';
export { ENGINES, type EngineOptions } from './engine/create.js';
export { createEngine, Engine } from './engine/engine.js';
export { GmemError, type GmemErrorCode } from './engine/error.js';
export { expectOk } from './engine/expect.js';
export {
  type CountRange,
  type CreateGmemOptions,
  Gmem,
  type OpArguments,
  type OrderInput,
  Vm,
} from './engine/handles.js';
export { type Page, PageView, type RmpEntry } from './engine/pages.js';
export type { RunOptions, RunProgress, RunResult } from './engine/run.js';
export type { Stepper } from './engine/stepper.js';
export { type Annotations, OpBuilder, type OpInput, type OpInputOf, type Quantity } from './ops/builder.js';
export type { Notes } from './ops/notes.js';
export { type Outcome, OutcomeRecords, type Success } from './ops/outcomes.js';
export { OpRecords, type RecordFields } from './ops/records.js';
export type { OpChunk, OpSource } from './ops/source.js';
export { OpStream } from './ops/stream.js';
export { type Policy, type PolicyInput, resolvePolicy } from './policy/policy.js';
export { PRESET_NAMES, PRESETS, type Preset, type PresetName } from './policy/presets.js';
export {
  calibrate,
  compare,
  formatCalibration,
  formatJsonl,
  formatPacked,
  gathered,
  openInput,
  openScenario,
  parseCosts,
  parseJsonl,
  parsePacked,
  renderReport,
  replay,
  writeStream,
} from './public.js';
export { errnoName, formatBytes, isRun, levelName, parseSize, unsupportedReason } from './public-values.js';
export { REPORT_FORMATS, type ReportFormat } from './report/formats.js';
export { COUNTER_NAMES, COUNTERS, type CounterName, type Counters } from './spec/counters.js';
export { ERRNOS, type Errno } from './spec/errnos.js';
export { ARCHES, type Arch, KNOB_NAMES, KNOBS, type KnobName, type Knobs, type KnobValue } from './spec/knobs.js';
export { FLAG, OP_KIND, OP_NAMES, OPS, type OpName } from './spec/ops.js';
export { OUTCOME_VALUES } from './spec/outcomes.js';
export {
  NO_PFN,
  PAGE_BIT,
  PAGE_STATE_NAMES,
  PAGE_VIEW,
  PAGE_VIEW_WORDS,
  type PageFlag,
  type PageState,
} from './spec/page-view.js';
export { SIMD_CHOICES, type SimdChoice } from './spec/simd.js';
export { ORDERS, type Order, PAGE_BYTES } from './spec/units.js';
export type { Input, InputOptions } from './trace/input.js';
export type { Scenario, ScenarioOptions } from './workload/scenario.js';
