/**
 * Everything one reference engine holds.
 */
import type { BackendOptions } from '../engine/backend.js';
import type { Arch, Knobs } from '../spec/knobs.js';
import { Contents } from './contents.js';
import { Frames } from './frames.js';
import { Kinds } from './kinds.js';
import type { GmemFile, Vm } from './model.js';
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
  readonly rmp: Rmp;
  readonly contents: Contents;
  /** The last `set hugepages`; starts at what the policy has. */
  hugepagesSwitch: Knobs['hugepages'];
  /** VMs an op has named so far, destroyed ones included. */
  readonly vms = new Map<number, Vm>();
  /** Open files by id. */
  readonly gmems = new Map<number, GmemFile>();
  /** Every file ever created: slots, copies and pins outlive handles, distinct counts outlive all. */
  readonly files: GmemFile[] = [];

  constructor(options: BackendOptions) {
    this.knobs = options.knobs;
    this.arch = options.arch;
    this.seed = options.seed;
    this.hugepagesSwitch = options.knobs.hugepages;
    this.frames = new Frames(options.memoryBytes);
    this.rmp = new Rmp(this.tally);
    this.contents = new Contents(options.contents, options.residentLimitBytes);
  }

  /** The VM of an id, which is there from the start until `destroy`. */
  vm(id: number): Vm | undefined {
    let vm = this.vms.get(id);
    if (vm === undefined) {
      const initial = this.arch === 'snp' ? 'private' : 'shared';
      vm = { id, asid: id + 1, destroyed: false, finalized: false, kinds: new Kinds(initial), slots: [] };
      this.vms.set(id, vm);
    }
    return vm.destroyed ? undefined : vm;
  }

  /** New folios may be 2M: the policy has them and the last `set hugepages` did not turn them off. */
  get hugeFolios(): boolean {
    return this.knobs.hugepages !== 'off' && this.hugepagesSwitch !== 'off';
  }
}
