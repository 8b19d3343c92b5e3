/**
 * The reference engine as a backend: op records in, outcome records out. Each op is one function of one room.
 */
import type { Backend, BackendOptions } from '../engine/backend.js';
import { GmemError } from '../engine/error.js';
import { OutcomeRecords } from '../ops/outcomes.js';
import { blankFields, OpRecords, type RecordFields } from '../ops/records.js';
import { unsupportedReason } from '../policy/policy.js';
import { ERRNOS } from '../spec/errnos.js';
import { OP_NAMES, type OpName, RECORD_BYTES } from '../spec/ops.js';
import { EXITS, OUTCOME_BYTES, outcomeValues } from '../spec/outcomes.js';
import { PAGE_ALL_BITS, type PageQuery } from '../spec/page-view.js';
import { PAGE_BYTES } from '../spec/units.js';
import { guestAccess, hostAccess, touch, vmmAccess } from './accesses.js';
import { bind } from './bind.js';
import { attributes, convert } from './convert.js';
import { readCounters } from './counters.js';
import { mergeDue } from './deferred-merges.js';
import { fault } from './fault.js';
import { close, create, destroy } from './files.js';
import { merge, split } from './folio-ops.js';
import type { HistoricalFault } from './historical.js';
import { noteMetadata } from './metadata.js';
import { countPages, viewPages } from './page-view.js';
import { pin, unpin } from './pins.js';
import { poison } from './poison.js';
import { finalize, populate } from './populate.js';
import { pressure } from './pressure.js';
import { fallocate, punch } from './punch.js';
import type { Reply } from './reply.js';
import { State } from './state.js';
import { setSwitch } from './switches.js';
import { validate } from './validate.js';
import { verify } from './verify/verify.js';

const RUN: { readonly [K in OpName]: (state: State, op: RecordFields) => Reply } = {
  create,
  bind,
  fallocate,
  punch,
  fault,
  populate,
  validate,
  finalize,
  convert,
  attributes,
  'guest-write': (state, op) => guestAccess(state, op, true),
  'guest-read': (state, op) => guestAccess(state, op, false),
  'host-write': (state, op) => hostAccess(state, op, true),
  'host-read': (state, op) => hostAccess(state, op, false),
  'vmm-write': (state, op) => vmmAccess(state, op, true),
  'vmm-read': (state, op) => vmmAccess(state, op, false),
  pin,
  unpin,
  poison,
  split,
  merge,
  set: setSwitch,
  pressure,
  close,
  destroy,
  touch,
};

/** Runs one op and counts its outcome; then deferred merges that are due. */
export function runOp(state: State, name: OpName, op: RecordFields): Reply {
  state.opsRun += 1;
  const reply = RUN[name](state, op);
  if (reply.errno !== undefined) {
    const number = ERRNOS[reply.errno];
    state.errors[number] = (state.errors[number] as number) + 1;
  }
  if (reply.exit !== undefined) state.tally.exits += 1;
  noteMetadata(state, name);
  mergeDue(state);
  return reply;
}

/**
 * @param faults historical faults to switch on; for tests, and out of reach of everything but them
 * @throws GmemError `ERR_GMEM_POLICY` for knobs or an arch that are not simulated
 */
export function createReferenceBackend(options: BackendOptions, faults: readonly HistoricalFault[] = []): Backend {
  const reason = unsupportedReason(options.knobs, options.arch);
  if (reason !== undefined) throw new GmemError('ERR_GMEM_POLICY', reason);
  return new ReferenceBackend(options, faults);
}

class ReferenceBackend implements Backend {
  readonly kind = 'reference';
  readonly knownPageBits = PAGE_ALL_BITS;
  #state: State | undefined;

  constructor(options: BackendOptions, faults: readonly HistoricalFault[]) {
    this.#state = new State(options, faults);
  }

  run(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): void {
    const state = this.#open();
    const ops = OpRecords.from(records.subarray(first * RECORD_BYTES, (first + count) * RECORD_BYTES));
    const results = outcomes === null ? null : new OutcomeRecords(count);
    const op = blankFields();
    for (let i = 0; i < count; i += 1) {
      ops.read(i, op);
      const name = OP_NAMES[op.kind];
      if (name === undefined) throw new GmemError('ERR_GMEM_ARGUMENT', `record ${first + i}: no op kind ${op.kind}`);
      const reply = runOp(state, name, op);
      if (results !== null) writeOutcome(results, i, name, reply);
    }
    if (results !== null) outcomes?.set(results.bytes.subarray(0, count * OUTCOME_BYTES));
  }

  counters(into: Float64Array): void {
    into.set(readCounters(this.#open()));
  }

  errors(into: Float64Array): void {
    into.set(this.#open().errors);
  }

  pageView(gmem: number, first: number, count: number, into: Uint32Array): boolean {
    const state = this.#open();
    const file = state.gmems.get(gmem);
    if (file === undefined) return false;
    viewPages(state, file, first, count, into);
    return true;
  }

  countPages(gmem: number, first: number, count: number, query: PageQuery): number {
    const state = this.#open();
    const file = state.gmems.get(gmem);
    return file === undefined ? -1 : countPages(state, file, first, count, query);
  }

  fileSize(gmem: number): number {
    const file = this.#open().gmems.get(gmem);
    return file === undefined ? -1 : file.pages * PAGE_BYTES;
  }

  verify(): string[] {
    return verify(this.#open());
  }

  host(): Record<string, number | string> {
    return { resident_contents_bytes: this.#open().contents.residentBytes };
  }

  close(): void {
    this.#state = undefined;
  }

  #open(): State {
    if (this.#state === undefined) throw new GmemError('ERR_GMEM_CLOSED', 'the engine was closed');
    return this.#state;
  }
}

function writeOutcome(results: OutcomeRecords, i: number, name: OpName, reply: Reply): void {
  const values = [0, 0, 0, 0];
  let has = 0;
  outcomeValues(name).forEach((value, position) => {
    const given = reply.values?.[value];
    if (given === undefined) return;
    values[position] = given;
    has |= 1 << position;
  });
  const errno = reply.errno === undefined ? 0 : ERRNOS[reply.errno];
  results.write(i, errno, EXITS.indexOf(reply.exit ?? 'none'), has, values);
}
