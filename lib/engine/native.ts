/**
 * The native engine behind the Backend seam: hands clean numbers and typed arrays to the addon, nothing else.
 */
import { ARCHES, KNOB_NAMES, KNOBS } from '../spec/knobs.js';
import { RECORD_BYTES } from '../spec/ops.js';
import { OUTCOME_BYTES } from '../spec/outcomes.js';
import { PAGE_ALL_BITS, type PageQuery } from '../spec/page-view.js';
import { SIMD_CHOICES, SIMD_PATHS } from '../spec/simd.js';
import { LOCK_KINDS } from '../spec/vcpus.js';
import { loadAddon } from './addon.js';
import type { AsyncRun, Backend, BackendOptions, Mailbox, Ran } from './backend.js';
import { GmemError } from './error.js';
import { LATENCY_EVERY, latencyFigures, latencyRoom } from './latency.js';

/** What native/addon/addon.cc exports. */
interface Addon {
  create(
    knobs: Uint8Array,
    arch: number,
    memoryBytes: number,
    contents: number,
    residentLimitBytes: number,
    seed: number,
    simd: number,
  ): number;
  close(handle: number): void;
  mailbox(handle: number): ArrayBuffer;
  step(handle: number): void;
  stepper(handle: number): () => void;
  run(handle: number, records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): void;
  runUntilLong(handle: number, records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): number;
  runAsync(
    handle: number,
    records: Uint8Array,
    first: number,
    count: number,
    outcomes: Uint8Array | null,
    threads: number,
    told: (ran: number, tookNs: number, error: string | null) => void,
  ): void;
  abort(handle: number): void;
  progress(handle: number): number;
  counters(handle: number, into: Float64Array): void;
  errors(handle: number, into: Float64Array): void;
  pageView(handle: number, gmem: number, first: number, count: number, into: Uint32Array): boolean;
  countPages(
    handle: number,
    gmem: number,
    first: number,
    count: number,
    all: number,
    none: number,
    any: number,
  ): number;
  fileSize(handle: number, gmem: number): number;
  verify(handle: number): string[];
  host(handle: number, into: Float64Array): void;
  latencyStart(handle: number, every: number): void;
  latency(handle: number, into: Float64Array): boolean;
}

/** Engines whose owner forgot to close them. */
const abandoned = new FinalizationRegistry<{ addon: Addon; handle: number }>(({ addon, handle }) =>
  addon.close(handle),
);

class NativeBackend implements Backend {
  readonly kind = 'native';
  readonly knownPageBits = PAGE_ALL_BITS;
  readonly mailbox: Mailbox;
  readonly #addon: Addon;
  readonly #handle: number;
  #closed = false;
  #running = false;
  /** There was a run on more than one thread: its figures are worth a look. */
  #threaded = false;

  constructor(addon: Addon, options: BackendOptions) {
    const knobs = Uint8Array.from(KNOB_NAMES, (name) =>
      (KNOBS[name] as readonly unknown[]).indexOf(options.knobs[name]),
    );
    this.#addon = addon;
    this.#handle = addon.create(
      knobs,
      ARCHES.indexOf(options.arch),
      options.memoryBytes,
      options.contents ? 1 : 0,
      options.residentLimitBytes,
      options.seed,
      SIMD_CHOICES.indexOf(options.simd ?? 'auto'),
    );
    // From here on somebody closes it, whatever else fails.
    abandoned.register(this, { addon, handle: this.#handle }, this);
    const memory = addon.mailbox(this.#handle);
    const handle = this.#handle;
    this.mailbox = {
      record: new Uint8Array(memory, 0, RECORD_BYTES),
      outcome: new Uint8Array(memory, RECORD_BYTES, OUTCOME_BYTES),
      step: () => addon.step(handle),
      own: {
        record: new Uint8Array(memory, RECORD_BYTES + OUTCOME_BYTES, RECORD_BYTES),
        outcome: new Uint8Array(memory, 2 * RECORD_BYTES + OUTCOME_BYTES, OUTCOME_BYTES),
        step: addon.stepper(handle),
      },
    };
    if (options.latency) addon.latencyStart(handle, LATENCY_EVERY);
  }

  run(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): void {
    if (count === 1) {
      const { record, outcome } = this.mailbox;
      const at = first * RECORD_BYTES;
      record.set(records.subarray(at, at + RECORD_BYTES));
      this.#idle();
      this.#addon.step(this.#handle);
      outcomes?.set(outcome);
      return;
    }
    this.#idle();
    this.#addon.run(this.#handle, records, first, count, outcomes);
  }

  runUntilLong(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): number {
    this.#idle();
    return this.#addon.runUntilLong(this.#handle, records, first, count, outcomes);
  }

  runAsync(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null, vcpus: number): AsyncRun {
    this.#idle();
    const addon = this.#addon;
    const handle = this.#handle;
    const done = new Promise<Ran>((resolve, reject) => {
      const told = (ran: number, tookNs: number, error: string | null): void => {
        this.#running = false;
        if (this.#closed) reject(new GmemError('ERR_GMEM_CLOSED', `the engine was closed after ${ran} ops of a run`));
        else if (error !== null) reject(new GmemError('ERR_GMEM_HOST', `no run on ${vcpus} threads: ${error}`));
        else resolve({ ops: ran, tookNs });
      };
      addon.runAsync(handle, records, first, count, outcomes, vcpus, told);
      this.#running = true;
      this.#threaded ||= vcpus > 1;
    });
    return {
      done,
      progress: () => (this.#closed ? 0 : addon.progress(handle)),
      abort: () => {
        if (!this.#closed) addon.abort(handle);
      },
    };
  }

  counters(into: Float64Array): void {
    this.#idle();
    this.#addon.counters(this.#handle, into);
  }

  errors(into: Float64Array): void {
    this.#idle();
    this.#addon.errors(this.#handle, into);
  }

  pageView(gmem: number, first: number, count: number, into: Uint32Array): boolean {
    this.#idle();
    return this.#addon.pageView(this.#handle, gmem, first, count, into);
  }

  countPages(gmem: number, first: number, count: number, { all, none, any }: PageQuery): number {
    this.#idle();
    return this.#addon.countPages(this.#handle, gmem, first, count, all, none, any);
  }

  fileSize(gmem: number): number {
    this.#idle();
    return this.#addon.fileSize(this.#handle, gmem);
  }

  verify(): string[] {
    this.#idle();
    return this.#addon.verify(this.#handle);
  }

  host(): Record<string, number | string> {
    this.#idle();
    const figures = new Float64Array(3 + THREAD_FIGURES.length + LOCK_KINDS.length * LOCK_FIGURES.length);
    this.#addon.host(this.#handle, figures);
    const simd = SIMD_PATHS[figures[2] as number] as string;
    const latency = latencyRoom();
    const timed = this.#addon.latency(this.#handle, latency);
    return {
      metadata_bytes: figures[0] as number,
      resident_bytes: figures[1] as number,
      simd,
      ...(timed ? latencyFigures(latency) : {}),
      ...(this.#threaded ? threadFigures(figures.subarray(3)) : {}),
    };
  }

  #idle(): void {
    if (this.#running) throw new GmemError('ERR_GMEM_BUSY', 'the engine is running a stream on threads of its own');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    abandoned.unregister(this);
    this.#addon.close(this.#handle);
  }
}

const THREAD_FIGURES = ['vcpu_epochs', 'vcpu_ops_concurrent', 'vcpu_ops_serial', 'vcpu_stalls', 'vcpu_wall_ns'];
const LOCK_FIGURES = ['acquisitions', 'waits', 'wait_ns'];

function threadFigures(figures: Float64Array): Record<string, number> {
  const names = [
    ...THREAD_FIGURES,
    ...LOCK_KINDS.flatMap((kind) => LOCK_FIGURES.map((figure) => `lock_${kind}_${figure}`)),
  ];
  return Object.fromEntries(names.map((name, i) => [name, figures[i] as number]));
}

/**
 * Starts a native engine.
 *
 * @throws GmemError `ERR_GMEM_ADDON` when the addon cannot be loaded, `ERR_GMEM_HOST` when the address space does not
 * allow a host of this size, or the CPU lacks the instructions that `simd` asks for.
 */
export function createNativeBackend(options: BackendOptions): Backend {
  const addon = loadAddon() as Addon;
  try {
    return new NativeBackend(addon, options);
  } catch (cause) {
    throw new GmemError('ERR_GMEM_HOST', `the native engine cannot start: ${(cause as Error).message}`, { cause });
  }
}
