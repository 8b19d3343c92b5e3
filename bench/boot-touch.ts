/** A boot-like touch of a real guest_memfd: every page once, upwards, by a vCPU or through the host's mapping. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { calibrateAddon } from '../lib/calibrate/native.js';
import { errnoName } from '../lib/spec/errnos.js';

export type Toucher = 'vcpu' | 'host';

export interface Touched {
  /** Of the touching thread on a processor, and from start to end. */
  cpuNs: number;
  wallNs: number;
}

/** Touched in one call, so that Ctrl-C is heard. */
const SLICE_BYTES = 16 * 2 ** 20;

/**
 * Makes a VM and a file of `bytes`, touches every page, and gives everything back.
 *
 * `prefault`: as much memory is taken first, and given up slice by slice just before it is needed, so that no page has to come
 * back from a host below.
 */
export async function bootTouch(by: Toucher, bytes: number, prefault: boolean): Promise<Touched> {
  const addon = calibrateAddon();
  const handle = addon.gmemOpen(bytes);
  const total: Touched = { cpuNs: 0, wallNs: 0 };
  try {
    for (let at = 0; prefault && at < bytes; at += SLICE_BYTES) {
      const errno = addon.gmemHold(handle, Math.min(SLICE_BYTES, bytes - at));
      if (errno !== 0) throw new Error(`memory to prefault: ${errnoName(errno)}`);
      await nextTurn();
    }
    for (let at = 0; at < bytes; at += SLICE_BYTES) {
      const slice = Math.min(SLICE_BYTES, bytes - at);
      if (prefault) addon.gmemRelease(handle, slice);
      const sample = addon.gmemTouch(handle, by === 'vcpu', at, slice);
      if (sample.lacks !== null) throw new Error(`this host lacks ${sample.lacks}: ${errnoName(sample.errno)}`);
      total.cpuNs += sample.cpuNanoseconds * sample.events;
      total.wallNs += sample.wallNanoseconds * sample.events;
      await nextTurn();
    }
    return total;
  } finally {
    addon.gmemClose(handle);
  }
}
