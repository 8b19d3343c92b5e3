/**
 * Ops one at a time at the price of a call: for loops whose next op depends on the last one's outcome. Fields go straight
 * into the record the engine reads, and no object is made, neither for the op nor for its outcome.
 *
 * What is as it was in the step before is neither looked at nor written again: in such loops that is nearly everything but
 * the address.
 *
 * Invariants: the engine sees only records that `isLegalRecord` accepts; the record holds the fields of the latest step
 * that was accepted, or none is said to be known.
 */
import { type Outcome, OutcomeRecords } from '../ops/outcomes.js';
import { shown } from '../ops/problems.js';
import { addressBounds, explainRecord, isLegalRecord } from '../ops/record-check.js';
import { OpRecords } from '../ops/records.js';
import { RECORD_BYTES } from '../spec/ops.js';
import { argumentError } from './arguments.js';
import type { Mailbox } from './backend.js';

/** No kind of op. */
const UNKNOWN = -1;
/** Position of a record's address among its doubles. */
const ADDRESS = 2;

export class Stepper {
  readonly #idle: () => Mailbox;
  readonly #run: () => void;
  readonly #record: OpRecords;
  /** The quantities of the record, at their places in it. */
  readonly #quantities: Float64Array;
  readonly #outcome: OutcomeRecords;
  readonly #address = { least: 0, most: -1 };
  #kind = UNKNOWN;
  #flags = 0;
  #vcpu = 0;
  #vm = 0;
  #gmem = 0;
  #arg = 0;
  #size = 0;
  #extra = 0;

  /**
   * @internal Use `engine.stepper()`.
   * @param idle throws when no op may run now.
   */
  constructor(idle: () => Mailbox) {
    this.#idle = idle;
    const { own } = idle();
    this.#run = own.step;
    this.#record = OpRecords.over(own.record);
    const { buffer, byteOffset } = own.record;
    this.#quantities = new Float64Array(buffer, byteOffset, RECORD_BYTES / 8);
    this.#outcome = new OutcomeRecords(1, own.outcome);
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
    this.#idle();
    if (
      kind === this.#kind &&
      flags === this.#flags &&
      vcpu === this.#vcpu &&
      vm === this.#vm &&
      gmem === this.#gmem &&
      arg === this.#arg &&
      size === this.#size &&
      extra === this.#extra &&
      Number.isSafeInteger(address) &&
      address >= this.#address.least &&
      address <= this.#address.most
    ) {
      this.#quantities[ADDRESS] = address;
    } else {
      this.#take(kind, flags, vcpu, vm, gmem, arg, address, size, extra);
    }
    this.#run();
    return this.#outcome.errno(0);
  }

  /** Checks all of a record and remembers it. */
  #take(
    kind: number,
    flags: number,
    vcpu: number,
    vm: number,
    gmem: number,
    arg: number,
    address: number,
    size: number,
    extra: number,
  ): void {
    if (!isLegalRecord(kind, flags, vcpu, vm, gmem, arg, address, size, extra)) {
      throw argumentError(explainRecord({ kind, flags, vcpu, vm, gmem, arg, address, size, extra }));
    }
    this.#record.length = 0;
    this.#record.append(kind, flags, vcpu, vm, gmem, arg, address, size, extra);
    const [least, most] = addressBounds(kind);
    this.#address.least = least;
    this.#address.most = most;
    this.#kind = kind;
    this.#flags = flags;
    this.#vcpu = vcpu;
    this.#vm = vm;
    this.#gmem = gmem;
    this.#arg = arg;
    this.#size = size;
    this.#extra = extra;
  }

  /** Value of the last step's outcome, by its position in `OUTCOME_VALUES`; `undefined` when it is not part of it. */
  value(position: number): number | undefined {
    if (!(position === 0 || position === 1 || position === 2 || position === 3)) {
      throw argumentError(`value: ${shown(position)} is not accepted, accepted: 0 to 3`);
    }
    return (this.#outcome.has(0) >> position) & 1 ? this.#outcome.value(0, position) : undefined;
  }

  /** The outcome of the last step as a plain object, as `apply` gives it. @throws GmemError `ERR_GMEM_ARGUMENT` before the first step. */
  outcome(): Outcome {
    if (this.#kind === UNKNOWN) throw argumentError('outcome: no op was stepped yet');
    return this.#outcome.decode(0, this.#record.opName(0));
  }
}
