/**
 * The public engine: a simulated host that VMs and gmem files live on, over any backend.
 *
 * What the modelled kernel refuses is an Outcome with an errno; misuse throws GmemError. After `close` every call but
 * `close` throws `ERR_GMEM_CLOSED`; during an asynchronous `run` every call that would run ops throws `ERR_GMEM_BUSY`.
 */
import { OpBuilder, type OpInput, type OpInputOf } from '../ops/builder.js';
import { type Outcome, OutcomeRecords } from '../ops/outcomes.js';
import { OpRecords } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import type { Policy } from '../policy/policy.js';
import type { Counters } from '../spec/counters.js';
import type { Arch, SwitchName, SwitchValue } from '../spec/knobs.js';
import { ID_LIMITS, type OpName } from '../spec/ops.js';
import {
  PAGE_BIT,
  PAGE_FLAGS,
  PAGE_STATE_NAMES,
  PAGE_VIEW_WORDS,
  type PageState,
  pageQuery,
} from '../spec/page-view.js';
import { PAGE_BYTES } from '../spec/units.js';
import { argumentError, checkKeys, orDefault, toBytes, toChoice, toInteger } from './arguments.js';
import type { Backend, EngineKind, Mailbox } from './backend.js';
import { readCounters } from './counters.js';
import { createBackend, type EngineOptions, type ResolvedOptions, resolveOptions } from './create.js';
import { GmemError } from './error.js';
import { tagOutcome } from './expect.js';
import { type CountRange, Gmem, gmemId, Vm } from './handles.js';
import { mailboxOf } from './mailbox.js';
import { LAST_PAGE, PageView } from './pages.js';
import { type RunOptions, type RunResult, runRecords } from './run.js';
import { Stepper } from './stepper.js';

/** Pages of one page view: 320 MiB of words. */
const MAX_VIEW_PAGES = 2 ** 24;

/**
 * Creates an engine.
 *
 * @throws GmemError `ERR_GMEM_ARGUMENT` for bad options, `ERR_GMEM_POLICY` for a policy that does not exist or that the
 * engines cannot run, `ERR_GMEM_ADDON` when the native addon neither loads nor builds.
 */
export function createEngine(options: EngineOptions): Engine {
  return new Engine(resolveOptions(options));
}

export class Engine {
  readonly kind: EngineKind;
  readonly policy: Policy;
  readonly arch: Arch;
  /** Simulated host memory, rounded down to 2 MiB. */
  readonly memoryBytes: number;
  readonly seed: number;
  #backend: Backend | undefined;
  readonly #mailbox: Mailbox;
  #stepper: Stepper | undefined;
  #running = false;
  readonly #builder = new OpBuilder();
  #outcomes = new OutcomeRecords(1);
  /** Both over the mailbox: a single op is built where the engine reads it. */
  readonly #oneOp: OpBuilder;
  readonly #oneOutcome: OutcomeRecords;

  /** @internal Use `createEngine`. */
  constructor(options: ResolvedOptions) {
    this.kind = options.engine;
    this.policy = options.policy;
    this.arch = options.backend.arch;
    this.memoryBytes = options.backend.memoryBytes;
    this.seed = options.backend.seed;
    this.#backend = createBackend(options.engine, options.backend);
    this.#mailbox = mailboxOf(this.#backend);
    this.#oneOp = new OpBuilder(new OpStream(OpRecords.over(this.#mailbox.record)));
    this.#oneOutcome = new OutcomeRecords(1, this.#mailbox.outcome);
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#backend === undefined;
  }

  /** A VM, 0 to 1022. All of them are there from the start, until destroyed. */
  vm(id = 0): Vm {
    return new Vm(this, toInteger('vm', id, 0, ID_LIMITS.vm));
  }

  /** A gmem file by its id, whether it is open or not. */
  gmem(id = 0): Gmem {
    return new Gmem(this, toInteger('gmem', id, 0, ID_LIMITS.gmem));
  }

  /**
   * Runs ops given in their JSON shape, now, in order. All are checked before the first one runs.
   *
   * @returns one outcome an op, refused or not.
   * @throws GmemError `ERR_GMEM_ARGUMENT` for an unknown op or key, a wrong type, or a number out of range; a misaligned or
   * absurd quantity is legal, and its answer is the kernel's errno.
   */
  apply<N extends OpName>(op: OpInputOf<N>): Outcome<N>;
  apply(op: OpInput): Outcome;
  apply(ops: readonly OpInput[]): Outcome[];
  apply(ops: OpInput | readonly OpInput[]): Outcome | Outcome[] {
    return Array.isArray(ops) ? this.#applyAll(ops as readonly OpInput[]) : this.#applyOne(ops as OpInput);
  }

  #applyOne(op: OpInput): Outcome {
    this.#idle();
    const { records } = this.#oneOp.stream;
    this.#oneOp.push(op);
    const name = records.opName(0);
    // The mailbox has room for one op: the stream is empty between ops.
    this.#oneOp.stream.clear();
    this.#mailbox.step();
    return tagOutcome(this.#oneOutcome.decode(0, name), name);
  }

  #applyAll(ops: readonly OpInput[]): Outcome[] {
    const backend = this.#idle();
    const { stream } = this.#builder;
    stream.clear();
    for (const op of ops) this.#builder.push(op);
    const { records } = stream;
    if (this.#outcomes.capacity < records.length) this.#outcomes = new OutcomeRecords(records.length);
    backend.run(records.bytes, 0, records.length, this.#outcomes.bytes);
    return ops.map((_, i) => {
      const name = records.opName(i);
      return tagOutcome(this.#outcomes.decode(i, name), name);
    });
  }

  /**
   * The engine's stepper: single ops at the price of a call, without objects. Every call gives the same one.
   */
  stepper(): Stepper {
    this.#open();
    this.#stepper ??= new Stepper(() => {
      this.#idle();
      return this.#mailbox;
    });
    return this.#stepper;
  }

  /**
   * Runs a whole stream in batches, giving way to the event loop between them.
   *
   * @throws GmemError (as a rejection) `ERR_GMEM_ARGUMENT` for a stream no engine can read, `ERR_GMEM_ABORTED` when
   * `options.signal` fired: ops already run stay run, and counters and page views show them.
   */
  async run(stream: OpStream | OpRecords | readonly OpInput[], options: RunOptions = {}): Promise<RunResult> {
    this.#idle();
    this.#running = true;
    try {
      return await runRecords(() => this.#open(), stream, options);
    } finally {
      this.#running = false;
    }
  }

  /**
   * Turns a run-time switch: `hugepages`, as `gmem_2m_enabled` of the series does, or `rmp-busy`: of the attempts of
   * RMPUPDATE and PSMASH from now on, `after` go through and the next `value` find their entry held by another processor.
   */
  set<N extends SwitchName>(key: N, value: SwitchValue<N>, after = 0): Outcome<'set'> {
    return this.apply({ op: 'set', key, value, after } as never);
  }

  /** Other tenants take host memory until only `free` wholly free blocks of `order` (0, 9 or 18) are left. */
  pressure(args: { order: number; free: number; seed?: number }): Outcome<'pressure'> {
    return this.apply({ ...args, op: 'pressure' } as never);
  }

  /** The simulated counters: exact, and the same on every engine. */
  counters(): Counters {
    return readCounters(this.#open());
  }

  /**
   * What the engine knows of pages [first, first + count) of an open file; by default of all of them. Pages beyond the
   * file read as absent.
   *
   * @throws GmemError `ERR_GMEM_OP` with errno EBADF when no such file is open.
   */
  pages(gmem: Gmem | number, first = 0, count?: number): PageView {
    const backend = this.#open();
    const id = gmemId(this, gmem);
    toInteger('first', first, 0, LAST_PAGE);
    const size = backend.fileSize(id);
    if (size < 0) throw notOpen(id);
    const wanted = count === undefined ? Math.max(0, size / PAGE_BYTES - first) : count;
    const words = new Uint32Array(toInteger('count', wanted, 0, MAX_VIEW_PAGES) * PAGE_VIEW_WORDS);
    backend.pageView(id, first, wanted, words);
    return new PageView(first, words);
  }

  /**
   * How many pages of an open file, or of a range of it, are in a state (`'prepared'`, `'mapped'`, …) or in all of several
   * (`['private', 'mapped']`). Pages beyond the end of the file are not counted.
   *
   * @throws GmemError `ERR_GMEM_OP` with errno EBADF when no such file is open, `ERR_GMEM_ARGUMENT` for a state there is not or a
   * range that is not of whole pages, `ERR_GMEM_HOST` for what the kvm engine cannot know of its pages.
   */
  count(gmem: Gmem | number, state: PageState | readonly PageState[], range: CountRange = {}): number {
    const backend = this.#open();
    const id = gmemId(this, gmem);
    const states = Array.isArray(state) ? state : [state];
    for (const one of states) toChoice('state', one, PAGE_STATE_NAMES);
    const query = pageQuery(states);
    const given = checkKeys('count', range, ['offset', 'size']);
    const file = backend.fileSize(id);
    if (file < 0) throw notOpen(id);
    const offset = toPageBytes('offset', orDefault(given.offset, 0));
    const end = Math.min(file, offset + toPageBytes('size', orDefault(given.size, Math.max(0, file - offset))));
    const unknown = PAGE_FLAGS.filter(
      (flag) => ((query.all | query.none | query.any) & PAGE_BIT[flag] & ~backend.knownPageBits) !== 0,
    );
    if (unknown.length > 0) {
      throw new GmemError('ERR_GMEM_HOST', `the ${this.kind} engine cannot tell of a page: ${unknown.join(', ')}`);
    }
    return offset >= end ? 0 : backend.countPages(id, offset / PAGE_BYTES, (end - offset) / PAGE_BYTES, query);
  }

  /** Size in bytes of an open file; `undefined` when no such file is open. */
  fileSize(gmem: Gmem | number): number | undefined {
    const size = this.#open().fileSize(gmemId(this, gmem));
    return size < 0 ? undefined : size;
  }

  /** The lowest gmem id that is free. */
  freeGmemId(): number {
    const backend = this.#open();
    for (let id = 0; id <= ID_LIMITS.gmem; id += 1) if (backend.fileSize(id) < 0) return id;
    throw argumentError(`gmem: all ${ID_LIMITS.gmem + 1} ids are in use`);
  }

  /** Recomputes every counter and invariant. @returns a line for each that does not hold; empty when all do. */
  verify(): string[] {
    return this.#open().verify();
  }

  /** Figures of this machine, not of the simulation: bytes resident now, and what else the engine can say. */
  host(): Record<string, number | string> {
    return this.#open().host();
  }

  /** Releases everything. Safe at any time and any number of times; a `run` under way rejects with `ERR_GMEM_CLOSED`. */
  close(): void {
    const backend = this.#backend;
    this.#backend = undefined;
    backend?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Backend {
    if (this.#backend === undefined) throw new GmemError('ERR_GMEM_CLOSED', 'the engine was closed');
    return this.#backend;
  }

  #idle(): Backend {
    const backend = this.#open();
    if (this.#running) throw new GmemError('ERR_GMEM_BUSY', 'the engine is running a stream: wait for run() to settle');
    return backend;
  }
}

function notOpen(gmem: number): GmemError {
  return new GmemError('ERR_GMEM_OP', `gmem ${gmem} is not open: EBADF`, { errno: 'EBADF' });
}

function toPageBytes(what: string, value: unknown): number {
  const bytes = toBytes(what, value);
  if (bytes < 0 || bytes % PAGE_BYTES !== 0) {
    throw argumentError(
      `${what}: ${bytes} is not accepted, accepted: bytes of whole pages, multiples of ${PAGE_BYTES}`,
    );
  }
  return bytes;
}
