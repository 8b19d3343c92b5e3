/** Runs of the native engine on vCPU threads (docs/threads.md). */

/** Most threads of one run. */
export const MAX_VCPU_THREADS = 64;

/** Kinds of locks that such a run takes, as its figures name them (native/core/fault_locks.h). */
export const LOCK_KINDS = ['block', 'scheme', 'rmp', 'frames', 'lines'] as const;
