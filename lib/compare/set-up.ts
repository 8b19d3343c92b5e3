/**
 * The ops with which an input makes its own guests: `create` and `bind` of a scenario. Where one is refused there is no such guest,
 * and what follows would be refused op after op: the run ends there, and says why.
 */
import { OutcomeRecords } from '../ops/outcomes.js';
import type { OpRecords, RecordFields } from '../ops/records.js';
import { errnoName } from '../spec/errnos.js';
import { OP_KIND } from '../spec/ops.js';
import { formatBytes, GUEST_PHYSICAL_LIMIT_BYTES } from '../spec/units.js';

export interface SetUpFailure {
  readonly op: RecordFields;
  readonly errno: number;
}

/** Looks for the ops of a set-up in a run of batches; each is to be a batch of its own. */
export class SetUp {
  /** Takes the outcome of such an op. */
  readonly outcomes = new OutcomeRecords(1);

  isPart(records: OpRecords, i: number): boolean {
    const kind = records.kind(i);
    return kind === OP_KIND.create || kind === OP_KIND.bind;
  }

  /** Ops of [first, first + most) up to the next one of a set-up; 1 for such an op itself. */
  batch(records: OpRecords, first: number, most: number): number {
    let ops = 1;
    if (!this.isPart(records, first)) while (ops < most && !this.isPart(records, first + ops)) ops += 1;
    return ops;
  }
}

/** In words: the op, its errno, and why as far as its keys and the simulated host (`undefined`: the running kernel) tell. */
export function setUpReason({ op, errno }: SetUpFailure, memoryBytes: number | undefined): string {
  const { kind, vm, gmem, arg, address, size } = op;
  const bytes = formatBytes(size);
  const what =
    kind === OP_KIND.create
      ? `create of gmem ${gmem}, ${bytes}, for vm ${vm}`
      : `bind of slot ${arg} of vm ${vm}, ${bytes} at gpa 0x${address.toString(16)},`;
  const why =
    kind === OP_KIND.bind && address + size > GUEST_PHYSICAL_LIMIT_BYTES
      ? `guest-physical addresses end at ${formatBytes(GUEST_PHYSICAL_LIMIT_BYTES)}; machine.memory (--guest-memory) makes the guest smaller`
      : memoryBytes === undefined
        ? 'the running kernel says so'
        : `the host has ${formatBytes(memoryBytes)}, which --memory (machine.hostMemory) changes`;
  return `there is no guest: ${what} answers ${errnoName(errno)}: ${why}`;
}
