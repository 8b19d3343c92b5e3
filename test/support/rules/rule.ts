/**
 * The shape of a tested rule: ops with the outcome each must have, and what must be true afterwards.
 */
import type { Page } from '../../../lib/engine/pages.js';
import type { Outcome, Success } from '../../../lib/ops/outcomes.js';
import type { CounterName } from '../../../lib/spec/counters.js';
import type { Errno } from '../../../lib/spec/errnos.js';
import type { Arch, Knobs } from '../../../lib/spec/knobs.js';
import { HUGE, type Op, PAGE } from '../run.js';

export interface Rule {
  /** What is tested, and the section of docs/semantics.md that says so. */
  readonly rule: string;
  /** Knobs that differ from base-bitmap (all off). */
  readonly policy?: Partial<Knobs>;
  readonly arch?: Arch;
  /** Host memory in bytes; 64 MiB unless told. */
  readonly memory?: number;
  /** Page contents; on unless told. */
  readonly contents?: boolean;
  readonly steps: readonly (readonly [Op, Outcome])[];
  /** Counters afterwards; the others are not looked at. */
  readonly counters?: { readonly [K in CounterName]?: number };
  /** Pages afterwards; of each the keys given. */
  readonly pages?: readonly (Partial<Page> & { readonly index: number; readonly gmem?: number })[];
}

export const ok: Outcome = { ok: true };

export function no(errno: Errno, more: Omit<Extract<Outcome, { ok: false }>, 'ok' | 'errno'> = {}): Outcome {
  return { ok: false, errno, ...more };
}

/** An outcome with values. */
export function yes(values: Omit<Success, 'ok'>): Outcome {
  return { ok: true, ...values };
}

export const MEMORY_FAULT = no('EFAULT', { exit: 'memory-fault' });

type Step = readonly [Op, Outcome];

/** gmem 0 of `size` bytes, bound whole at gpa 0 as slot 0 of vm 0. */
export function boot(size = 2 * HUGE, flags: readonly string[] = []): Step[] {
  return [
    [{ op: 'create', size, flags }, ok],
    [{ op: 'bind', slot: 0, size }, ok],
  ];
}

/** A private fault that succeeds. */
export function privately(page: number, pfn: number, order = 0, level = order): Step {
  return [{ op: 'fault', gpa: page * PAGE, access: 'private' }, yes({ pfn, order, level: level === 9 ? '2M' : '4K' })];
}

/** A shared fault that succeeds. */
export function shared(page: number, pfn: number, order = 0, level = order): Step {
  return [{ op: 'fault', gpa: page * PAGE, access: 'shared' }, yes({ pfn, order, level: level === 9 ? '2M' : '4K' })];
}

/** A conversion of whole pages that changes them all and splits `split` folios. */
export function converted(page: number, pages: number, to: 'private' | 'shared', split = 0, changed = pages): Step {
  return [{ op: 'convert', gpa: page * PAGE, size: pages * PAGE, to }, yes({ changed, split, merged: 0 })];
}

/** A punch of whole pages. */
export function punched(page: number, pages: number, freed: number, split = 0): Step {
  return [{ op: 'punch', offset: page * PAGE, size: pages * PAGE }, yes({ freed, zeroed: 0, split })];
}
