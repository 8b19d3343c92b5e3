/**
 * What the rules of docs/semantics-designs.md are tested with: small policies, and the ops that recur.
 */
import { GiB, HUGE, MiB, PAGE } from '../run.js';
import type { Rule } from './rule.js';
import { ok, yes } from './rule.js';

type Step = Rule['steps'][number];

/** In place with 2M folios of the buddy allocator, split to 4K where shared. */
export const inPlace = {
  conversion: 'in-place',
  sharedOrder: '4K',
  hugepages: '2M',
  preparedness: 'none',
} as const;

/** A pool of 2M pages: 30 of the 32 blocks of 64 MiB. */
export const pool = { ...inPlace, source: 'pool', fallback: false, punch: 'zero' } as const;
export const hvo = { ...pool, metadata: 'hvo' } as const;
export const natural = { ...pool, sharedOrder: 'natural', splitTo: 'none' } as const;

/** A pool of one 1G page, of 2 GiB. */
export const giant = { ...pool, hugepages: '1G' } as const;
export const naturalGiant = { ...natural, hugepages: '1G' } as const;
export const GIANT_MEMORY = 2 * GiB;
export const GIANT = GiB;
/** A pool of one 2M page. */
export const ONE_PAGE_POOL = 4 * MiB;

interface Converted {
  changed?: number;
  split?: number;
  merged?: number;
  content?: 'zero' | 'preserve';
}

/** A conversion in place of whole pages that succeeds. */
export function turned(page: number, pages: number, to: 'private' | 'shared', values: Converted = {}): Step {
  const { content, ...counted } = values;
  const op = { op: 'convert', gpa: page * PAGE, size: pages * PAGE, to } as const;
  return [content === undefined ? op : { ...op, content }, yes({ changed: pages, split: 0, merged: 0, ...counted })];
}

export function touched(page: number, pages = 1): Step {
  return [{ op: 'touch', gpa: page * PAGE, size: pages * PAGE }, ok];
}

export function pinned(page: number, pages = 1): Step {
  return [{ op: 'pin', offset: page * PAGE, size: pages * PAGE }, ok];
}

export function referred(page: number, tries: number): Step {
  return [{ op: 'pin', offset: page * PAGE, size: PAGE, kind: 'speculative', tries }, ok];
}

export function allocated(bytes = HUGE): Step {
  return [{ op: 'fallocate', offset: 0, size: bytes }, ok];
}
