/**
 * Builds an op stream from code, with the compiler checking names and keys. The types derive from the OPS table.
 */
import { GmemError } from '../engine/error.js';
import type { SwitchName, SwitchValue } from '../spec/knobs.js';
import type { CREATE_FLAG, KeySpec, OPS, OpName } from '../spec/ops.js';
import { appendOp, type OpProblem } from './encode.js';
import { shown } from './problems.js';
import { OpStream } from './stream.js';

/** A number, or its hexadecimal text. */
export type Quantity = number | `0x${string}`;

type ValueOf<S extends KeySpec> = S extends { type: 'id' | 'quantity' }
  ? Quantity
  : S extends { type: 'boolean' }
    ? boolean
    : S extends { values: readonly (infer V)[] }
      ? V
      : S extends { type: 'createFlags' }
        ? readonly (keyof typeof CREATE_FLAG)[] | Quantity
        : SwitchValue<SwitchName>;

type Keys<N extends OpName> = (typeof OPS)[N];
type Optional<N extends OpName> = {
  [K in keyof Keys<N>]: Keys<N>[K] extends { default: unknown } ? K : never;
}[keyof Keys<N>];
type Valued<N extends OpName> = { [K in keyof Keys<N>]: Keys<N>[K] extends KeySpec ? ValueOf<Keys<N>[K]> : never };

/** What any op may carry; no engine looks at it. */
export interface Annotations {
  /** Microseconds. */
  t?: number;
  /** Not observed but concluded. */
  derived?: boolean;
  source?: string;
  note?: string;
}

/** One op of a given name in its JSON shape: required keys, keys with a default, annotations. */
export type OpInputOf<N extends OpName> = { op: N } & Omit<Valued<N>, Optional<N>> &
  Partial<Pick<Valued<N>, Optional<N>>> &
  Omit<Annotations, keyof Keys<N>>;

/** Any op in its JSON shape. */
export type OpInput = { [N in OpName]: OpInputOf<N> }[OpName];

export class OpBuilder {
  readonly stream: OpStream;

  /** @param stream a stream to append to; a fresh one if left out. */
  constructor(stream: OpStream = new OpStream()) {
    if (!(stream instanceof OpStream)) {
      throw new GmemError('ERR_GMEM_ARGUMENT', `stream: ${shown(stream)} is not accepted, accepted: an OpStream`);
    }
    this.stream = stream;
  }

  get length(): number {
    return this.stream.length;
  }

  /**
   * Appends one op. A misaligned or absurd quantity is a legal op: its answer is the kernel's errno.
   *
   * @returns this builder.
   * @throws GmemError `ERR_GMEM_ARGUMENT` for an unknown op or key, a missing key, a wrong type or a number out of range.
   */
  push(op: OpInput): this {
    if (typeof op !== 'object' || op === null || Array.isArray(op)) {
      throw new GmemError('ERR_GMEM_ARGUMENT', 'an op is an object with the key op');
    }
    const problems: OpProblem[] = [];
    if (!appendOp(this.stream, op, problems)) {
      const lines = problems.map(({ key, message }) => `${key}: ${message}`);
      throw new GmemError('ERR_GMEM_ARGUMENT', lines.join('\n'), { problems: lines });
    }
    return this;
  }
}
