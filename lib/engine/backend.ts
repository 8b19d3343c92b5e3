/**
 * The seam between the TypeScript layer and an engine: what `native`, `reference` and `kvm` implement. Everything above
 * (validation, handles, JSON) is written once, on top of it.
 *
 * Arguments are already validated when they reach a backend. A backend throws nothing on these calls but for its own
 * broken state.
 */
import type { Arch, Knobs } from '../spec/knobs.js';
import type { PageQuery } from '../spec/page-view.js';
import type { SimdChoice } from '../spec/simd.js';

export type EngineKind = 'native' | 'reference' | 'kvm';

/** Everything an engine is created from, resolved: no defaults left. */
export interface BackendOptions {
  readonly knobs: Knobs;
  readonly arch: Arch;
  /** Host memory, a multiple of 2 MiB. */
  readonly memoryBytes: number;
  /** Real page contents; off for pure metadata runs (reads answer ENODATA). */
  readonly contents: boolean;
  /** Bytes of page contents that may be resident on this machine before a write answers ENOMEM. */
  readonly residentLimitBytes: number;
  /** Unsigned 32-bit. */
  readonly seed: number;
  /** Time every so-manieth op of a batch (latency.ts); the native engine can. */
  readonly latency?: boolean;
  /** Instruction set of the native engine's scans; `auto` when absent. The others have no such thing. */
  readonly simd?: SimdChoice;
}

/** One op record and the room of its outcome, in memory that the engine sees too: filled, run, and read without a copy. */
export interface Mailbox {
  /** RECORD_BYTES, 8-byte aligned. */
  readonly record: Uint8Array;
  /** OUTCOME_BYTES, 8-byte aligned. */
  readonly outcome: Uint8Array;
  /** Runs the op in `record`; its outcome is in `outcome` then. */
  step(): void;
  /** The same with memory of its own, which nobody else fills: what is in it from the last time need not be filled in again. */
  readonly own: { readonly record: Uint8Array; readonly outcome: Uint8Array; readonly step: () => void };
}

/** What a run did: ops, and nanoseconds inside the engine. */
export interface Ran {
  readonly ops: number;
  readonly tookNs: number;
}

/** A run on threads of the engine's own. */
export interface AsyncRun {
  /**
   * What ran, once all threads have stopped. Rejects with `ERR_GMEM_CLOSED` when the engine was closed meanwhile, with
   * `ERR_GMEM_HOST` when this machine gives no threads or no memory.
   */
  readonly done: Promise<Ran>;
  /** Ops run so far, now and then. */
  progress(): number;
  /** Ends the run soon; the engine is left as the ops that ran made it, the one that was cut short with what it had done. */
  abort(): void;
}

export interface Backend {
  readonly kind: EngineKind;
  /** Bits of PAGE_BIT that this engine can tell of its pages. */
  readonly knownPageBits: number;

  /** For single ops, where the engine has a way that is shorter than `run` (mailbox.ts makes one where it has not). */
  readonly mailbox?: Mailbox;

  /**
   * Runs `count` records of RECORD_BYTES from `records`, starting at record `first`. Outcome i of the run is written to
   * record i of `outcomes` (OUTCOME_BYTES each) when given.
   */
  run(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): void;

  /** Like `run`, but returns before an op that may take long, with how many ops ran. Absent: `runAsync` is too. */
  runUntilLong?(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): number;

  /**
   * Like `run`, on `vcpus` threads of the engine's own, while JavaScript goes on. Until it is done every other call throws
   * `ERR_GMEM_BUSY`, but for `close`, which ends it. Outcomes are there when it is done.
   */
  runAsync?(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null, vcpus: number): AsyncRun;

  /** Fills counters in the order of COUNTER_NAMES. */
  counters(into: Float64Array): void;

  /** Fills how often each errno number (index, below 256) was answered. */
  errors(into: Float64Array): void;

  /**
   * Fills PAGE_VIEW_WORDS u32 a page for indexes [first, first + count) of an open file.
   *
   * @returns false when no such file is open. Indexes beyond the file read as absent pages of initial kind.
   */
  pageView(gmem: number, first: number, count: number, into: Uint32Array): boolean;

  /**
   * How many of pages [first, first + count) of an open file the query wants. The range lies inside the file.
   *
   * @returns -1 when no such file is open.
   */
  countPages(gmem: number, first: number, count: number, query: PageQuery): number;

  /** Size in bytes of an open file; -1 when no such file is open. */
  fileSize(gmem: number): number;

  /** Recomputes every counter and invariant; one line for each that does not hold. Empty: all hold. */
  verify(): string[];

  /** Host-side figures: bytes of metadata and page contents resident now, and what else the engine can say. */
  host(): Record<string, number | string>;

  /** Releases everything. Idempotent. */
  close(): void;
}
