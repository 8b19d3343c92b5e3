/**
 * What a phase of a scenario is: keys, a plan made before anything runs, and ops that come a chunk at a time.
 *
 * Planning claims the guest's memory and finds what does not fit; it draws on the seed alone, so a plan is the same for
 * every run. A planned phase can be gone through any number of times, and answers the same ops every time.
 */
import { z } from 'zod';
import type { Emitter } from './emitter.js';
import { text } from './keys.js';
import type { GuestMemory, Place } from './memory.js';
import type { KeyPath } from './places.js';
import type { Random } from './random.js';

/** A guest while its phases are planned. */
export interface Guest {
  readonly name: string;
  readonly vcpus: number;
  readonly memory: GuestMemory;
  /** Bytes of unclaimed memory phases before this one touch first. */
  touchedBytes: number;
}

export interface PlanContext {
  readonly guest: Guest;
  /** For the plan alone; ops have their own (`Planned`). */
  readonly random: Random;
  /** Says that a value, a key of the phase or one within it, does not work for this guest; the plan's result is then not used. */
  problem(key: string | KeyPath, message: string): void;
}

/** Puts ops into the emitter, yielding whenever it is full. Draws on `random` alone. */
export type Planned = (out: Emitter, random: Random) => Iterable<void>;

export interface Phase {
  readonly name: string;
  readonly schema: z.ZodObject;
  plan(keys: never, context: PlanContext): Planned;
}

const COMMON = {
  guest: text()
    .optional()
    .describe('Name of the guest the phase is of; without it every guest goes through the phase, one after the other.'),
};

/** Declares a phase; `keys` are its own, beside `phase` and `guest`. */
export function definePhase<const N extends string, S extends z.ZodRawShape>(
  name: N,
  summary: string,
  keys: S,
  plan: (keys: z.output<z.ZodObject<S>>, context: PlanContext) => Planned,
) {
  const schema = z
    .strictObject({ phase: z.literal(name).describe('Which phase it is.'), ...COMMON, ...keys })
    .meta({ title: name, description: summary });
  return { name, schema, plan: plan as (keys: never, context: PlanContext) => Planned };
}

/** What a guest has, for a message: the same for guests of the same size, so that it is said once. */
export function ramText({ memory }: Guest): string {
  return `the guest has ${memory.bytes / 2 ** 20} MiB of RAM`;
}

/**
 * Claims memory at an address if one is given, else at a place. @returns its gpa; 0 after a problem, which is one of `key`
 * or, with an address, of `atKey`.
 */
export function claim(
  context: PlanContext,
  bytes: number,
  align: number,
  at: number | undefined,
  place: Place,
  key = 'size',
  atKey: KeyPath = ['at'],
): number {
  const { memory } = context.guest;
  const has = ramText(context.guest);
  if (at !== undefined) {
    if (memory.claimAt(at, bytes)) return at;
    const what = memory.inRam(at, bytes) ? 'overlaps what another phase uses' : `is not all RAM (${has})`;
    context.problem(atKey, `[0x${at.toString(16)}, 0x${(at + bytes).toString(16)}) ${what}, accepted: free RAM`);
    return 0;
  }
  const found = memory.claim(bytes, align, place);
  if (found !== undefined) return found;
  context.problem(key, `${bytes / 2 ** 20} MiB find no place at ${place} (${has}), accepted: what is free there`);
  return 0;
}

/** Most bytes one exit of a guest converts: a page state change request of Linux 6.1 names 253 pages of 4K. */
export const EXIT_TEXT = `${253 * 4}KiB`;

/** Converts a range as a guest does, an exit at a time, and uses it afterwards. */
export function* convertRange(
  out: Emitter,
  vcpu: number,
  gpa: number,
  bytes: number,
  to: 'shared' | 'private',
  exit: number,
  source: string,
): Generator<void> {
  for (let done = 0; done < bytes; done += exit) {
    if (out.full) yield;
    const piece = Math.min(exit, bytes - done);
    out.convert(vcpu, gpa + done, piece, to, source);
    out.touch(vcpu, gpa + done, piece);
  }
}
