/**
 * Everything one reference engine holds.
 */
import type { BackendOptions } from '../engine/backend.js';
import type { Arch, Knobs } from '../spec/knobs.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, pagesOf } from '../spec/units.js';
import { Contents } from './contents.js';
import type { DeferredMerge } from './deferred-merges.js';
import { BLOCK_PAGES, Frames } from './frames.js';
import { type HistoricalFault, seated } from './historical.js';
import { type Kind, Kinds } from './kinds.js';
import type { GmemFile, Vm } from './model.js';
import { Pool, poolHugePages } from './pool.js';
import { Rmp } from './rmp.js';
import { emptyTally, type Tally } from './tally.js';

export class State {
  readonly knobs: Knobs;
  readonly arch: Arch;
  readonly seed: number;
  readonly tally: Tally = emptyTally();
  /** How often each errno number was answered. */
  readonly errors = new Float64Array(256);
  readonly frames: Frames;
  /** `source: pool`. */
  readonly pool: Pool | undefined;
  readonly rmp = new Rmp();
  readonly contents: Contents;
  /** The last `set hugepages`; starts at what the policy has. */
  hugepagesSwitch: Knobs['hugepages'];
  /** VMs an op has named so far, destroyed ones included. */
  readonly vms = new Map<number, Vm>();
  /** Open files by id. */
  readonly gmems = new Map<number, GmemFile>();
  /** Every file ever created: slots, copies and pins outlive handles, distinct counts outlive all. */
  readonly files: GmemFile[] = [];
  /** Ops run so far, refused ones too. */
  opsRun = 0;
  /** `merge: deferred`: what waits for the worker. */
  deferred: DeferredMerge[] = [];
  /** Historical faults a test has switched on, as far as this policy has a place for them. */
  readonly #faults: ReadonlySet<HistoricalFault>;

  constructor(options: BackendOptions, faults: readonly HistoricalFault[] = []) {
    this.#faults = seated(faults, options.knobs, options.arch);
    this.knobs = options.knobs;
    this.arch = options.arch;
    this.seed = options.seed;
    this.hugepagesSwitch = options.knobs.hugepages;
    const hugePages = this.knobs.source === 'pool' ? poolHugePages(options.memoryBytes, this.hugePages) : 0;
    this.frames = new Frames(options.memoryBytes, (hugePages * this.hugePages) / BLOCK_PAGES);
    const hvo = this.knobs.metadata === 'hvo';
    if (this.knobs.source === 'pool') this.pool = new Pool(this.frames, hugePages, this.hugePages, hvo);
    this.contents = new Contents(options.contents, options.residentLimitBytes);
  }

  /** The VM of an id, which is there from the start until `destroy`. */
  vm(id: number): Vm | undefined {
    let vm = this.vms.get(id);
    if (vm === undefined) {
      const kinds = new Kinds(this.initialKind);
      vm = { id, asid: id + 1, destroyed: false, finalized: false, launching: false, kinds, slots: [] };
      this.vms.set(id, vm);
    }
    return vm.destroyed ? undefined : vm;
  }

  /** Historical fault `name` was switched on (historical.ts): the code that asks does what was wrong. */
  faulty(name: HistoricalFault): boolean {
    return this.#faults.has(name);
  }

  /** Kind of guest memory nobody has converted. */
  get initialKind(): Kind {
    return this.arch === 'snp' || this.arch === 'tdx' ? 'private' : 'shared';
  }

  /** Order of the policy's huge size; 0 when it has none. */
  get hugeOrder(): Order {
    return { off: ORDER_4K, '2M': ORDER_2M, '1G': ORDER_1G }[this.knobs.hugepages] as Order;
  }

  /** Pages of the policy's huge size; 1 when it has none. */
  get hugePages(): number {
    return pagesOf(this.hugeOrder);
  }

  get inPlace(): boolean {
    return this.knobs.conversion === 'in-place';
  }

  /** Conversions split nothing, and undo one another piece by piece. */
  get natural(): boolean {
    return this.knobs.sharedOrder === 'natural';
  }

  /** Stage-2 has full permission, so the kind of a page limits no mapping (natural without an RMP). */
  get fullPermission(): boolean {
    return this.natural && (this.arch === 'none' || this.arch === 'pkvm');
  }

  /** New folios of the buddy allocator may be 2M: the policy has them and the last `set hugepages` did not turn them off. */
  get hugeFolios(): boolean {
    return this.knobs.hugepages !== 'off' && this.hugepagesSwitch !== 'off';
  }
}
