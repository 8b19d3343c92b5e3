/**
 * First touches of memory nobody claimed, as the recorded guests make them: extents of 12 MiB, one a vCPU at a time, in
 * bursts of consecutive pages, some of them downwards.
 */
import type { Emitter } from '../emitter.js';
import type { Range } from '../memory.js';
import type { Guest, Planned } from '../phase.js';
import type { Random } from '../random.js';

export const MIB = 2 ** 20;
/** Sizes a touch op may cover. */
export const STEPS = ['4K', '2M', '1G'] as const;

const EXTENT_BYTES = 12 * MIB;
/** Pages of a burst: 17 in boot2g, 43 in big16g, between two touches that are not neighbours upwards. */
const BURST_STEPS = 32;
/** 9370 of boot2g's 250 774 touches go one page down. */
const DOWNWARDS = 0.04;

export function stepBytes(step: (typeof STEPS)[number]): number {
  return { '4K': 4096, '2M': 2 * MIB, '1G': 2 ** 30 }[step];
}

/**
 * Plans the touch of `bytes` (at most what is left) beyond what earlier phases touched. What is claimed is only known when
 * every phase is planned, so where the bytes lie is decided when the phase runs.
 */
export function touchUnclaimed(guest: Guest, bytes: number, step: number, vcpus: number): Planned {
  const skip = guest.touchedBytes;
  guest.touchedBytes += bytes;
  return (out, random) => touchExtents(extents(guest, skip, bytes, step), step, vcpus, out, random);
}

/** Unclaimed memory after the first `skip` bytes, `bytes` in all, in extents of whole steps. */
function* extents(guest: Guest, skip: number, bytes: number, step: number): Generator<Range> {
  const largest = Math.max(EXTENT_BYTES, step);
  let passed = 0;
  const end = skip + bytes;
  for (const range of guest.memory.unclaimed(step)) {
    const length = range.end - range.start;
    const from = Math.max(0, Math.ceil((skip - passed) / step) * step);
    const to = Math.min(length, Math.floor((end - passed) / step) * step);
    for (let at = from; at < to; at += largest) {
      yield { start: range.start + at, end: range.start + Math.min(to, at + largest) };
    }
    passed += length;
    if (passed >= end) return;
  }
}

function* touchExtents(
  source: Iterator<Range>,
  step: number,
  vcpus: number,
  out: Emitter,
  random: Random,
): Generator<void> {
  const open: { vcpu: number; start: number; end: number }[] = [];
  const begin = (vcpu: number): boolean => {
    const next = source.next();
    if (next.done !== true) open.push({ vcpu, ...next.value });
    return next.done !== true;
  };
  for (let vcpu = 0; vcpu < vcpus; vcpu += 1) if (!begin(vcpu)) break;
  while (open.length > 0) {
    const at = random.below(open.length);
    const extent = open[at] as (typeof open)[number];
    const steps = Math.min(random.geometric(BURST_STEPS), (extent.end - extent.start) / step);
    const down = random.chance(DOWNWARDS);
    const begun = extent.start;
    extent.start += steps * step;
    for (let i = 0; i < steps; i += 1) {
      if (out.full) yield;
      out.touch(extent.vcpu, begun + (down ? steps - 1 - i : i) * step, step);
    }
    if (extent.start === extent.end) {
      open.splice(at, 1);
      begin(extent.vcpu);
    }
  }
}
