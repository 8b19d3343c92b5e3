/**
 * Outcome records (layout in lib/spec/outcomes.ts): a buffer of them, and their JSON form.
 */
import { GmemError } from '../engine/error.js';
import { type Errno, errnoName } from '../spec/errnos.js';
import { OP_KIND, type OpName } from '../spec/ops.js';
import {
  EXITS,
  type ExitName,
  OUTCOME_BYTES,
  type OUTCOME_VALUES,
  type OutcomeValue,
  outcomeValues,
} from '../spec/outcomes.js';
import { levelName } from '../spec/units.js';
import { shown } from './problems.js';
import { checkMemory, checkWithin, MAX_RECORDS } from './records.js';

const F64_PER_OUTCOME = OUTCOME_BYTES / 8;
const U16_PER_OUTCOME = OUTCOME_BYTES / 2;
/** Values an outcome has room for. */
const VALUES = 4;

/** What a value of an outcome is in JSON. */
type ValueType<V extends OutcomeValue> = V extends 'level' ? string : V extends 'mixed' ? boolean : number;

type ValueNames<N extends OpName> = (typeof OUTCOME_VALUES)[N & keyof typeof OUTCOME_VALUES][number];

/** Either end of an op: `ok` tells which, and an `errno` is there exactly when it was refused. */
type Verdict =
  | { ok: true; errno?: undefined; exit?: undefined; mmio?: true }
  | { ok: false; errno: Errno | `E${number}`; exit?: Exclude<ExitName, 'none' | 'mmio'>; mmio?: undefined };

/**
 * One outcome as a plain object, the JSON contract's shape without the `i`. `Outcome<'punch'>` has the values of a punch. They
 * are optional: which are there depends on how the op ended (docs/semantics.md section 1), and the running kernel knows no pfn.
 */
export type Outcome<N extends OpName = OpName> = Verdict & { [V in ValueNames<N>]?: ValueType<V> };

/** An outcome of success. */
export type Success<N extends OpName = OpName> = Outcome<N> & { ok: true };

export class OutcomeRecords {
  readonly bytes: Uint8Array;
  readonly capacity: number;
  readonly #u16: Uint16Array;
  readonly #f64: Float64Array;

  /**
   * @param memory of the caller's, to use in place of fresh memory.
   * @throws GmemError `ERR_GMEM_ARGUMENT` for no capacity there can be.
   */
  constructor(capacity: number, memory?: Uint8Array) {
    checkWithin('capacity', capacity, MAX_RECORDS);
    const bytes = memory ?? new Uint8Array(Math.max(1, capacity) * OUTCOME_BYTES);
    checkMemory(bytes, OUTCOME_BYTES, capacity);
    this.capacity = capacity;
    this.bytes = bytes;
    this.#u16 = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    this.#f64 = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  }

  /** Writes record `i`. Used by engines written in TypeScript; numbers are taken modulo what their fields hold. */
  write(i: number, errno: number, exit: number, has: number, values: ArrayLike<number>): void {
    this.#check(i);
    this.#u16[i * U16_PER_OUTCOME] = errno;
    this.bytes[i * OUTCOME_BYTES + 2] = exit;
    this.bytes[i * OUTCOME_BYTES + 3] = has;
    this.#u16[i * U16_PER_OUTCOME + 2] = 0;
    this.#u16[i * U16_PER_OUTCOME + 3] = 0;
    for (let v = 0; v < VALUES; v += 1) {
      this.#f64[i * F64_PER_OUTCOME + 1 + v] = (has >> v) & 1 ? (values[v] as number) : 0;
    }
  }

  /** @throws GmemError `ERR_GMEM_ARGUMENT` (as all of these) when there is no outcome `i`. */
  errno(i: number): number {
    this.#check(i);
    return this.#u16[i * U16_PER_OUTCOME] as number;
  }

  exit(i: number): ExitName {
    this.#check(i);
    return EXITS[this.bytes[i * OUTCOME_BYTES + 2] as number] as ExitName;
  }

  /** Bits of the values that are part of outcome `i`. */
  has(i: number): number {
    this.#check(i);
    return this.bytes[i * OUTCOME_BYTES + 3] as number;
  }

  /** The value at a position of 0 to 3; 0 where `has` has no bit for it. */
  value(i: number, position: number): number {
    this.#check(i);
    checkWithin('position', position, VALUES - 1);
    return this.#f64[i * F64_PER_OUTCOME + 1 + position] as number;
  }

  /**
   * Outcome `i` of an op of this name, as the JSON contract has it.
   *
   * @throws GmemError `ERR_GMEM_ARGUMENT` when there is no outcome `i`, or no op of this name.
   */
  decode<N extends OpName>(i: number, op: N): Outcome<N> {
    this.#check(i);
    if (typeof op !== 'string' || !Object.hasOwn(OP_KIND, op))
      throw new GmemError('ERR_GMEM_ARGUMENT', `unknown op ${shown(op)}`);
    const errno = this.errno(i);
    const outcome: Record<string, unknown> = { ok: errno === 0 };
    if (errno !== 0) outcome.errno = errnoName(errno);
    const exit = this.exit(i);
    if (exit === 'mmio') outcome.mmio = true;
    else if (exit !== 'none') outcome.exit = exit;
    const has = this.has(i);
    if (has === 0) return outcome as Outcome<N>;
    const names = outcomeValues(op);
    for (let position = 0; position < names.length; position += 1) {
      if (((has >> position) & 1) === 0) continue;
      const name = names[position] as OutcomeValue;
      const value = this.value(i, position);
      outcome[name] = name === 'level' ? levelName(value) : name === 'mixed' ? value !== 0 : value;
    }
    return outcome as Outcome<N>;
  }

  // Looked at here first: a step from JavaScript asks for its errno, and would pay a call for it.
  #check(i: number): void {
    if (Number.isInteger(i) && i >= 0 && i < this.capacity) return;
    checkWithin('outcome', i, this.capacity - 1);
  }
}
