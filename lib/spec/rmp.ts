/** The RMP of SEV-SNP where another processor is busy in it (docs/semantics.md, section 26). */

/**
 * Attempts of one RMPUPDATE that fails for the moment, after which who can give up does. Ours: mainline's rmpupdate() has no
 * bound.
 */
export const RMP_ATTEMPTS = 16;

/** Most attempts of one `set rmp-busy` that find their entry held, and most that go through before those. */
export const MOST_BUSY_ATTEMPTS = 1024;
