/**
 * Where a host's kernel answers otherwise than Linux 6.18 with shadow paging for a reason that is the host's, not the model's:
 * the one table of such differences. What it names is not asked, of the kernel or of a model.
 */
import type { RecordFields } from '../ops/records.js';
import { CREATE_FLAG, OP_KIND, OP_NAMES, OPS } from '../spec/ops.js';

/** The part of the capabilities the table depends on. */
export interface HostLimits {
  /** Guest-physical addresses below 2^physicalBits can be bound. */
  readonly physicalBits: number;
  /** Flags of KVM_CREATE_GUEST_MEMFD the kernel knows. */
  readonly createFlags: number;
}

interface HostDifference {
  readonly what: string;
  readonly applies: (host: HostLimits) => boolean;
  readonly concerns: (fields: RecordFields, host: HostLimits) => boolean;
}

/** The guest-physical limit docs/semantics.md rules (section 4). */
const MODEL_PHYSICAL_BITS = 52;
const MODEL_CREATE_FLAGS = CREATE_FLAG.mmap | CREATE_FLAG['init-shared'];
const GPA_KINDS = new Set(OP_NAMES.filter((name) => 'gpa' in OPS[name]).map((name) => OP_KIND[name]));

const HOST_DIFFERENCES: readonly HostDifference[] = [
  {
    what: 'two-dimensional paging: nothing above MAXPHYADDR can be bound or reached',
    applies: ({ physicalBits }) => physicalBits < MODEL_PHYSICAL_BITS,
    concerns: ({ kind, address, size }, { physicalBits }) =>
      GPA_KINDS.has(kind) && address + Math.max(0, size) > 2 ** physicalBits,
  },
  {
    what: 'after 6.18: more flags of KVM_CREATE_GUEST_MEMFD',
    applies: ({ createFlags }) => (BigInt(createFlags) & ~BigInt(MODEL_CREATE_FLAGS)) !== 0n,
    concerns: ({ kind, extra }, { createFlags }) =>
      kind === OP_KIND.create && (BigInt(extra) & BigInt(createFlags) & ~BigInt(MODEL_CREATE_FLAGS)) !== 0n,
  },
  {
    what: 'before 6.18: a flag of KVM_CREATE_GUEST_MEMFD is missing',
    applies: ({ createFlags }) => (createFlags & MODEL_CREATE_FLAGS) !== MODEL_CREATE_FLAGS,
    concerns: ({ kind, extra }, { createFlags }) =>
      kind === OP_KIND.create && (BigInt(extra) & BigInt(MODEL_CREATE_FLAGS) & ~BigInt(createFlags)) !== 0n,
  },
];

/** Whether this op's answer depends on the host. */
export function dependsOnHost(fields: RecordFields, host: HostLimits): boolean {
  return HOST_DIFFERENCES.some((difference) => difference.applies(host) && difference.concerns(fields, host));
}
