/**
 * A guest's RAM as a PC lays it out, and who uses which part of it. Gpas and sizes in bytes.
 *
 * QEMU's q35 puts RAM below 4 GiB and the rest above: from 0xb0000000 (2.75 GiB) of memory on, 2 GiB are below. Seen in
 * all three recorded guests. File offsets run through without the hole.
 *
 * Invariants: claims are sorted, inside RAM, and do not overlap.
 */

import { REACHABLE_BYTES } from '../ops/survey.js';

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where a claim without an address goes: from the bottom or the top of the RAM below or above 4 GiB. */
export const PLACES = ['low', 'low-top', 'high', 'high-top'] as const;
export type Place = (typeof PLACES)[number];

const HIGH_START = 4 * 2 ** 30;
const LOW_WITH_HIGH = 2 * 2 ** 30;
const ALL_LOW_BELOW = 0xb0000000;
/** Below are what a PC's firmware left there and the kernel's image. */
export const FIRST_FREE = 64 * 2 ** 20;

export class GuestMemory {
  readonly bytes: number;
  /** RAM, ascending: one range below 4 GiB, and one above where there is so much. */
  readonly ram: readonly Range[];
  readonly #claims: Range[] = [];

  constructor(bytes: number) {
    this.bytes = bytes;
    const low = bytes < ALL_LOW_BELOW ? bytes : LOW_WITH_HIGH;
    this.ram = [{ start: 0, end: low }, ...(low < bytes ? [{ start: HIGH_START, end: HIGH_START + bytes - low }] : [])];
  }

  /** Ranges a slot each can be over, RAM in all: what lies above 4 GiB in pieces as large as a slot may be. */
  slots(): Range[] {
    return this.ram.flatMap(({ start, end }) => {
      const pieces: Range[] = [];
      for (let at = start; at < end; at += REACHABLE_BYTES) {
        pieces.push({ start: at, end: Math.min(at + REACHABLE_BYTES, end) });
      }
      return pieces;
    });
  }

  /** The RAM a place lies in; without RAM above 4 GiB, `high` means below. */
  region(place: Place): Range {
    return (place.startsWith('high') ? (this.ram[1] ?? this.ram[0]) : this.ram[0]) as Range;
  }

  /** Offset in the gmem file of a gpa in RAM. */
  offsetOf(gpa: number): number {
    const high = this.ram[1];
    return high !== undefined && gpa >= high.start ? gpa - high.start + (this.ram[0] as Range).end : gpa;
  }

  inRam(start: number, bytes: number): boolean {
    return this.ram.some((range) => start >= range.start && start + bytes <= range.end);
  }

  isFree(start: number, bytes: number): boolean {
    return this.inRam(start, bytes) && this.#overlapped(start, start + bytes) === undefined;
  }

  /** Takes [start, start + bytes). @returns false, and takes nothing, when some of it is taken or no RAM. */
  claimAt(start: number, bytes: number): boolean {
    if (!this.isFree(start, bytes)) return false;
    const at = this.#claims.findIndex((claim) => claim.start > start);
    this.#claims.splice(at < 0 ? this.#claims.length : at, 0, { start, end: start + bytes });
    return true;
  }

  /** Takes the first free range at a place. @returns its gpa, `undefined` when there is none. */
  claim(bytes: number, align: number, place: Place): number | undefined {
    const region = this.region(place);
    if (place.endsWith('-top')) {
      let at = floorTo(region.end - bytes, align);
      while (at >= Math.max(region.start, region.start === 0 ? FIRST_FREE : 0)) {
        const blocker = this.#overlapped(at, at + bytes);
        if (blocker === undefined) return this.claimAt(at, bytes) ? at : undefined;
        at = floorTo(blocker.start - bytes, align);
      }
      return undefined;
    }
    let at = ceilTo(region.start === 0 ? FIRST_FREE : region.start, align);
    while (at + bytes <= region.end) {
      const blocker = this.#overlapped(at, at + bytes);
      if (blocker === undefined) return this.claimAt(at, bytes) ? at : undefined;
      at = ceilTo(blocker.end, align);
    }
    return undefined;
  }

  /** RAM nobody claimed, cut to whole multiples of `align`: above 4 GiB first, as kernels hand it out. */
  *unclaimed(align: number): Generator<Range> {
    for (const range of [...this.ram].reverse()) {
      let from = range.start;
      for (const claim of [...this.#claims.filter(({ start }) => start >= range.start && start < range.end), null]) {
        const start = ceilTo(from, align);
        const end = floorTo(claim?.start ?? range.end, align);
        if (end > start) yield { start, end };
        if (claim !== null) from = claim.end;
      }
    }
  }

  /** The lowest claim that overlaps [start, end). */
  #overlapped(start: number, end: number): Range | undefined {
    return this.#claims.find((claim) => claim.start < end && start < claim.end);
  }
}

export function floorTo(value: number, align: number): number {
  return Math.floor(value / align) * align;
}

export function ceilTo(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
