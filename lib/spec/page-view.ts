/**
 * Page views: what an engine knows of one page of a gmem file, as `PAGE_VIEW_WORDS` u32 words a page. Both engines
 * fill them identically; `docs/api.md` documents them for users.
 */
export const PAGE_VIEW_WORDS = 5;

/** Word positions. */
export const PAGE_VIEW = {
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
} as const;

export const NO_PFN = 0xffffffff;

export const PAGE_BIT = {
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
} as const;
