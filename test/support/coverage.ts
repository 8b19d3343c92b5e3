/**
 * What random streams must reach, so that "no difference" means something: every op, every errno that docs/semantics.md
 * gives it, every code and exit, every counter the policies of today can move. Each exception names its reason.
 */
import type { CounterName } from '../../lib/spec/counters.js';
import type { Errno } from '../../lib/spec/errnos.js';
import type { OpName } from '../../lib/spec/ops.js';

/** Errnos by op, from docs/semantics.md. Every op can also succeed. */
export const EXPECTED_ERRNOS: { readonly [N in OpName]: readonly Errno[] } = {
  create: ['EBADF', 'EEXIST', 'EINVAL'],
  bind: ['EBADF', 'EINVAL', 'EEXIST'],
  fallocate: ['EBADF', 'EINVAL', 'ENOMEM'],
  punch: ['EBADF', 'EINVAL'],
  fault: ['EBADF', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
  populate: ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON', 'EEXIST'],
  validate: ['EBADF', 'EOPNOTSUPP', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
  finalize: ['EBADF', 'EINVAL'],
  convert: ['EBADF', 'EINVAL', 'EOPNOTSUPP'],
  attributes: ['EBADF', 'EINVAL'],
  'guest-write': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
  'guest-read': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON', 'ENODATA'],
  'host-write': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM'],
  'host-read': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'ENODATA'],
  'vmm-write': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM'],
  'vmm-read': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'ENODATA'],
  pin: ['EBADF', 'EINVAL', 'EPERM', 'EFAULT', 'ENOMEM', 'ENOENT'],
  unpin: ['EBADF', 'EINVAL'],
  poison: ['EBADF', 'EINVAL', 'ENOENT'],
  split: ['EBADF', 'EINVAL', 'EAGAIN'],
  merge: ['EBADF', 'EINVAL', 'EAGAIN'],
  set: [],
  pressure: ['EINVAL'],
  close: ['EBADF'],
  destroy: ['EBADF'],
  touch: ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
};

/** Counters no stream can move today, and why. */
export const UNREACHABLE_COUNTERS: { readonly [N in CounterName]?: string } = {
  faults_1g: '1G folios are not simulated yet',
  folios_allocated_1g: '1G folios are not simulated yet',
  folios_freed_1g: '1G folios are not simulated yet',
  splits_1g: '1G folios are not simulated yet',
  merges_1g: '1G folios are not simulated yet',
  split_distinct_1g: '1G folios are not simulated yet',
  merge_distinct_1g: '1G folios are not simulated yet',
  zaps_1g: '1G folios are not simulated yet',
  sept_add: 'arch tdx is not simulated yet',
  sept_aug: 'arch tdx is not simulated yet',
  sept_demote: 'arch tdx is not simulated yet',
  sept_promote: 'arch tdx is not simulated yet',
  sept_remove: 'arch tdx is not simulated yet',
  convert_eagain: 'conversion in place is not simulated yet',
  promotions: 'promote is not simulated yet',
  host_leaves_4k: 'a host table of shared parts needs conversion in place',
  host_leaves_2m: 'a host table of shared parts needs conversion in place',
  host_leaves_1g: 'a host table of shared parts needs conversion in place',
  retained_pages_peak: 'punch zero, keep and refuse are not simulated yet',
  retained_pages_end: 'punch zero, keep and refuse are not simulated yet',
  rmpupdate_failed: 'the prepare walk asks only for entries that cannot overlap, so no RMPUPDATE of the model fails',
};

/** Result codes of PVALIDATE the model gives. */
export const VALIDATE_CODES = [0, 1, 6, 255] as const;
