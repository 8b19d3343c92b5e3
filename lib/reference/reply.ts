/**
 * What one op answers, before it becomes an outcome record.
 */
import type { Errno } from '../spec/errnos.js';
import type { ExitName, OutcomeValue } from '../spec/outcomes.js';

export interface Reply {
  /** Absent: ok. */
  readonly errno?: Errno;
  readonly exit?: ExitName;
  readonly values?: { readonly [K in OutcomeValue]?: number };
}

export const OK: Reply = {};

/** A shared access that no slot serves: ok, and userspace emulates the device. */
export const MMIO: Reply = { exit: 'mmio' };

export function refuse(errno: Errno, values?: Reply['values']): Reply {
  return { errno, values };
}

/** KVM_EXIT_MEMORY_FAULT, which accompanies EFAULT and EHWPOISON. */
export function memoryFault(errno: 'EFAULT' | 'EHWPOISON'): Reply {
  return { errno, exit: 'memory-fault' };
}

/** True when the access behind this reply did not reach memory. */
export function stopped(reply: Reply): boolean {
  return reply.errno !== undefined || reply.exit === 'mmio';
}
