/** The part of the addon that measures (native/addon/calibrate.cc). */
import { loadAddon } from '../engine/addon.js';

/**
 * One sample: the mean of `events` events in a row, by the thread's own time on a processor and by the clock on the wall; or,
 * with `lacks`, what this host lacks for it and the errno's number.
 */
export interface Sample {
  readonly lacks: string | null;
  readonly errno: number;
  readonly cpuNanoseconds: number;
  readonly wallNanoseconds: number;
  readonly events: number;
}

export interface CalibrateAddon {
  calibrateNames(): string[];
  /** `holdBytes`: memory held for the clearing figures, a multiple of 2 MiB. */
  calibrateOpen(holdBytes: number): number;
  calibrateSample(handle: number, name: string): Sample;
  calibrateHost(handle: number): {
    /** Of the time-stamp counter; 0 where there is none. */
    ticksPerSecond: number;
    /** Processor the samples were taken on; -1 where pinning was refused. */
    processor: number;
    missing: string | null;
    errno: number;
    vcpuErrno: number;
    createFlags: number;
  };
  calibrateClose(handle: number): void;

  /** A guest_memfd of `bytes` (at least 4 MiB, a multiple of 2 MiB) in a VM of its own. */
  gmemOpen(bytes: number): number;
  /** Touches every page of the range once. */
  gmemTouch(handle: number, byVcpu: boolean, offset: number, bytes: number): Sample;
  /** Takes and touches `bytes` more of anonymous memory, up to the file's size. @returns the errno's number, 0 when it is done. */
  gmemHold(handle: number, bytes: number): number;
  /** Gives `bytes` of it back, for the next touch to be served with. */
  gmemRelease(handle: number, bytes: number): void;
  /** Punches the whole file. @returns the errno's number, 0 when it is done. */
  gmemPunch(handle: number): number;
  gmemClose(handle: number): void;
}

export function calibrateAddon(): CalibrateAddon {
  return loadAddon() as CalibrateAddon;
}
