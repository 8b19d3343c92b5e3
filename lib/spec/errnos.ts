/**
 * Every errno an engine may answer, by its Linux x86-64 number. Declared here once: the native header, the outcome
 * formatter and the error counters derive from this table.
 */
import { frozen } from './frozen.js';

export const ERRNOS = frozen({
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  ENODATA: 61,
  EOPNOTSUPP: 95,
  EHWPOISON: 133,
} as const);

export type Errno = keyof typeof ERRNOS;

const NAMES = new Map<number, Errno>(
  (Object.entries(ERRNOS) as [Errno, number][]).map(([name, number]) => [number, name]),
);

/** Name of an errno number; an unknown one is shown as `E<number>` so that nothing is lost. */
export function errnoName(number: number): Errno | `E${number}` {
  return NAMES.get(number) ?? `E${number}`;
}
