/**
 * Ops one at a time at the price of a call: for loops whose next op depends on the last one's outcome. Fields go straight
 * into the record the engine reads, and no object is made, neither for the op nor for its outcome.
 *
 * Invariant: the engine sees only records that `isLegalRecord` accepts.
 */
import { type Outcome, OutcomeRecords } from '../ops/outcomes.js';
import { shown } from '../ops/problems.js';
import { explainRecord, isLegalRecord } from '../ops/record-check.js';
import { OpRecords } from '../ops/records.js';
import { argumentError } from './arguments.js';
import type { Mailbox } from './backend.js';

export class Stepper {
  readonly #idle: () => Mailbox;
  readonly #record: OpRecords;
  readonly #outcome: OutcomeRecords;
  #stepped = false;

  /**
   * @internal Use `engine.stepper()`.
   * @param idle throws when no op may run now.
   */
  constructor(idle: () => Mailbox) {
    this.#idle = idle;
    const { record, outcome } = idle();
    this.#record = OpRecords.over(record);
    this.#outcome = new OutcomeRecords(1, outcome);
  }

  /**
   * Runs one op, given by the fields of its record (`OPS` says which key of an op is in which; zero for those it has not).
   *
   * @returns the number of its errno, 0 when it succeeded.
   * @throws GmemError `ERR_GMEM_ARGUMENT` for fields that are no legal op, `ERR_GMEM_BUSY`, `ERR_GMEM_CLOSED`.
   */
  step(
    kind: number,
    flags: number,
    vcpu: number,
    vm: number,
    gmem: number,
    arg: number,
    address: number,
    size: number,
    extra: number,
  ): number {
    const mailbox = this.#idle();
    if (!isLegalRecord(kind, flags, vcpu, vm, gmem, arg, address, size, extra)) {
      throw argumentError(explainRecord({ kind, flags, vcpu, vm, gmem, arg, address, size, extra }));
    }
    this.#record.length = 0;
    this.#record.append(kind, flags, vcpu, vm, gmem, arg, address, size, extra);
    mailbox.step();
    this.#stepped = true;
    return this.#outcome.errno(0);
  }

  /** Value of this engine's last single op, by its position in `OUTCOME_VALUES`; `undefined` when it is not part of it. */
  value(position: number): number | undefined {
    if (!(position === 0 || position === 1 || position === 2 || position === 3)) {
      throw argumentError(`value: ${shown(position)} is not accepted, accepted: 0 to 3`);
    }
    return (this.#outcome.has(0) >> position) & 1 ? this.#outcome.value(0, position) : undefined;
  }

  /** The outcome of this engine's last single op as a plain object, as `apply` gives it. @throws GmemError `ERR_GMEM_ARGUMENT` before the first step. */
  outcome(): Outcome {
    if (!this.#stepped) throw argumentError('outcome: no op was stepped yet');
    return this.#outcome.decode(0, this.#record.opName(0));
  }
}
