/** What the RMP of SEV-SNP holds, and what happens where another processor is busy in it (docs/semantics.md, section 26). */

/**
 * Attempts of one RMPUPDATE that fails for the moment, after which who can give up does. Ours: mainline's rmpupdate() has no
 * bound.
 */
export const RMP_ATTEMPTS = 16;

/** Bits of the gfn in an entry (Linux: gpa in bits 12 to 50 of its first word). RMPUPDATE takes no page beyond. */
export const RMP_GFN_BITS = 39;

/** Most attempts of one `set rmp-busy` that find their entry held, and most that go through before those. */
export const MOST_BUSY_ATTEMPTS = 1024;
