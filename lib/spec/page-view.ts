/**
 * Page views: what an engine knows of one page of a gmem file, as `PAGE_VIEW_WORDS` u32 words a page. Both engines
 * fill them identically; `docs/api.md` documents them for users.
 */
import { frozen } from './frozen.js';

export const PAGE_VIEW_WORDS = 5;

/** Word positions. */
export const PAGE_VIEW = frozen({
  /** pfn of the gmem page, `NO_PFN` when absent. */
  pfn: 0,
  /** pfn of the shared copy, `NO_PFN` when there is none. */
  sharedPfn: 1,
  /** Bits of `PAGE_BIT`. */
  bits: 2,
  /** gfn (low 32 bits) in the RMP entry of the gmem page; 0 when not assigned. */
  rmpGfn: 3,
  /** ASID in the RMP entry of the gmem page, low 16 bits; bits 16-31 the gfn's bits 32-47. */
  rmpOwner: 4,
} as const);

export const NO_PFN = 0xffffffff;

export const PAGE_BIT = frozen({
  present: 1 << 0,
  /** Marked by the policy's preparedness tracking (for `none`: zeroed). */
  prepared: 1 << 1,
  /** Folio is at least 2M / 1G. Both unset: a 4K folio. */
  folio2m: 1 << 2,
  folio1g: 1 << 3,
  /** Covered by a stage-2 leaf of 4K / 2M / 1G. */
  leaf4k: 1 << 4,
  leaf2m: 1 << 5,
  leaf1g: 1 << 6,
  /** Kind of the page now: the gfn's attribute when bound, else the file's initial kind; shareability in place. */
  shared: 1 << 7,
  bound: 1 << 8,
  pinned: 1 << 9,
  poisoned: 1 << 10,
  /** Shared copy is part of a 2M page. */
  sharedCopy2m: 1 << 11,
  rmpAssigned: 1 << 12,
  rmp2m: 1 << 13,
  rmpValidated: 1 << 14,
  rmpImmutable: 1 << 15,
} as const);

export type PageFlag = keyof typeof PAGE_BIT;
export const PAGE_FLAGS = Object.keys(PAGE_BIT) as PageFlag[];
export const PAGE_ALL_BITS = PAGE_FLAGS.reduce((bits, flag) => bits | PAGE_BIT[flag], 0);

/** Pages of whose bits every one of `all`, none of `none` and, unless it is 0, some of `any` is set. */
export interface PageQuery {
  readonly all: number;
  readonly none: number;
  readonly any: number;
}

const LEAVES = PAGE_BIT.leaf4k | PAGE_BIT.leaf2m | PAGE_BIT.leaf1g;
const flags = Object.fromEntries(PAGE_FLAGS.map((flag) => [flag, { all: PAGE_BIT[flag] }])) as {
  readonly [F in PageFlag]: Partial<PageQuery>;
};

/** States that pages are counted by: every flag, and what flags say together or by not being set. */
export const PAGE_STATES = {
  ...flags,
  absent: { none: PAGE_BIT.present },
  private: { none: PAGE_BIT.shared },
  unbound: { none: PAGE_BIT.bound },
  /** Present, but not prepared. */
  unprepared: { all: PAGE_BIT.present, none: PAGE_BIT.prepared },
  /** Part of a 4K folio. */
  folio4k: { all: PAGE_BIT.present, none: PAGE_BIT.folio2m | PAGE_BIT.folio1g },
  /** Covered by a stage-2 leaf of any size. */
  mapped: { any: LEAVES },
  unmapped: { none: LEAVES },
} as const satisfies Readonly<Record<string, Partial<PageQuery>>>;
export type PageState = keyof typeof PAGE_STATES;
export const PAGE_STATE_NAMES = frozen(Object.keys(PAGE_STATES) as readonly PageState[]);

/** The query for pages that are in all of these states; without a state, for every page. */
export function pageQuery(states: readonly PageState[]): PageQuery {
  const query = { all: 0, none: 0, any: 0 };
  for (const state of states) {
    const { all = 0, none = 0, any = 0 }: Partial<PageQuery> = PAGE_STATES[state];
    query.all |= all;
    query.none |= none;
    query.any |= any; // only `mapped` has one
  }
  return query;
}

/** Whether a page with these bits is one that the query wants. */
export function matchesQuery({ all, none, any }: PageQuery, bits: number): boolean {
  return (bits & all) === all && (bits & none) === 0 && (any === 0 || (bits & any) !== 0);
}
