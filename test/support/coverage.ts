/**
 * What random streams must reach, so that "no difference" means something: every op, every errno that docs/semantics.md
 * gives it, every code and exit, every counter the policies can move. Each exception names its reason.
 */
import type { PresetName } from '../../lib/policy/presets.js';
import type { CounterName } from '../../lib/spec/counters.js';
import type { Errno } from '../../lib/spec/errnos.js';
import type { Arch } from '../../lib/spec/knobs.js';
import type { OpName } from '../../lib/spec/ops.js';

/**
 * Errnos by op, from docs/semantics.md, docs/semantics-designs.md and docs/semantics-tdx.md. Every op can also succeed. ENOMEM of `split` and
 * `convert` is hvo finding no vmemmap after a `pressure` of order 0.
 */
export const EXPECTED_ERRNOS: { readonly [N in OpName]: readonly Errno[] } = {
  create: ['EBADF', 'EEXIST', 'EINVAL', 'ENOMEM'],
  bind: ['EBADF', 'EINVAL', 'EEXIST'],
  fallocate: ['EBADF', 'EINVAL', 'ENOMEM'],
  punch: ['EBADF', 'EINVAL', 'EAGAIN'],
  fault: ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
  populate: ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON', 'EEXIST'],
  validate: ['EBADF', 'EOPNOTSUPP', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
  finalize: ['EBADF', 'EINVAL'],
  convert: ['EBADF', 'EINVAL', 'EOPNOTSUPP', 'EAGAIN', 'ENOMEM', 'EHWPOISON'],
  attributes: ['EBADF', 'EINVAL', 'EOPNOTSUPP'],
  'guest-write': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
  'guest-read': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON', 'ENODATA'],
  'host-write': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM'],
  'host-read': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'ENODATA'],
  'vmm-write': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM'],
  'vmm-read': ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'ENODATA'],
  pin: ['EBADF', 'EINVAL', 'EPERM', 'EFAULT', 'ENOMEM', 'ENOENT'],
  unpin: ['EBADF', 'EINVAL'],
  poison: ['EBADF', 'EINVAL', 'ENOENT'],
  split: ['EBADF', 'EINVAL', 'EAGAIN', 'ENOMEM'],
  merge: ['EBADF', 'EINVAL', 'EAGAIN'],
  set: ['EINVAL', 'EOPNOTSUPP'],
  pressure: ['EINVAL'],
  close: ['EBADF'],
  destroy: ['EBADF'],
  touch: ['EBADF', 'EINVAL', 'EFAULT', 'ENOMEM', 'EHWPOISON'],
};

/** Counters no stream can move, and why. */
export const UNREACHABLE_COUNTERS: { readonly [N in CounterName]?: string } = {};

/** What makes a design itself: counters that its own streams must move. */
export const COUNTERS_OF_DESIGN: { readonly [P in PresetName]?: readonly CounterName[] } = {
  'mainline-next': ['prepares', 'shared_copy_pages_peak'],
  'inplace-v6': ['converted_pages', 'convert_eagain'],
  'rfc-thp': ['splits_2m', 'split_failed', 'fallbacks'],
  'thp-keep': ['splits_2m', 'convert_eagain', 'split_failed', 'merges_2m'],
  'prep-early': ['splits_2m', 'convert_eagain', 'prepares'],
  'buddy-2m-zero': ['retained_pages_peak', 'retained_pages_end', 'fallbacks'],
  'pool-2m': ['splits_2m', 'merges_2m', 'convert_eagain', 'split_distinct_2m', 'merge_distinct_2m'],
  'hugetlb-2m': ['splits_2m', 'merges_2m', 'convert_eagain', 'metadata_bytes_modelled_peak', 'psmash'],
  'hugetlb-1g': [
    'faults_1g',
    'zaps_1g',
    'splits_1g',
    'merges_1g',
    'split_distinct_1g',
    'merge_distinct_1g',
    'folios_freed_1g',
    'convert_eagain',
    'psmash',
  ],
  'private-thp-shared-4k': ['faults_2m', 'splits_2m', 'shared_copy_pages_peak'],
  'vfio-pinned': ['faults_2m', 'shared_copy_pages_peak'],
  'linear-1g': ['faults_1g', 'host_leaves_4k', 'host_leaves_2m', 'host_leaves_1g', 'convert_eagain'],
  structless: ['faults_1g', 'host_leaves_4k', 'host_leaves_2m', 'host_leaves_1g', 'metadata_bytes_modelled_peak'],
};

/** Counters that TDX, and mappings that grow again, move; each on some stream of its arch. */
export const COUNTERS_OF_ARCH: { readonly [A in Arch]?: readonly CounterName[] } = {
  none: ['promotions'],
  snp: ['promotions', 'rmpupdate_failed', 'psmash_failed'],
  tdx: [
    'sept_add',
    'sept_aug',
    'sept_demote',
    'sept_promote',
    'sept_remove',
    'pvalidate',
    'convert_eagain',
    'split_failed',
    'splits_2m',
    'merges_2m',
    'promotions',
  ],
};

/** Result codes of PVALIDATE the model gives. */
export const VALIDATE_CODES = [0, 1, 6, 255] as const;
