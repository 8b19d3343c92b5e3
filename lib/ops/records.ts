/**
 * Op records in memory: a growable array of RECORD_BYTES records (layout in lib/spec/ops.ts), with typed views for fast
 * access, and the annotations beside it. The one place that puts fields into records and takes them out.
 *
 * Invariants: `length` records are valid; `bytes` covers exactly the capacity; views alias `bytes`.
 */
import { GmemError } from '../engine/error.js';
import { FLAG, OP_NAMES, type OpName, RECORD_BYTES } from '../spec/ops.js';
import { shown } from './problems.js';

const F64_PER_RECORD = RECORD_BYTES / 8;
const U32_PER_RECORD = RECORD_BYTES / 4;
const U16_PER_RECORD = RECORD_BYTES / 2;

/** Records one stream can hold: a typed array ends at 4 GiB. */
export const MAX_RECORDS = Math.floor(2 ** 32 / RECORD_BYTES);

/** Decoded fields of one record, in the units of the record (bytes and ids). */
export interface RecordFields {
  kind: number;
  flags: number;
  vcpu: number;
  vm: number;
  gmem: number;
  arg: number;
  address: number;
  size: number;
  extra: number;
}

export class OpRecords {
  /** Valid records. */
  length = 0;
  #bytes: Uint8Array;
  #u16: Uint16Array;
  #u32: Uint32Array;
  #f64: Float64Array;

  /** @throws GmemError `ERR_GMEM_ARGUMENT` (as all methods) for no capacity there can be. */
  constructor(capacity = 1024) {
    checkWithin('capacity', capacity, MAX_RECORDS);
    const buffer = new ArrayBuffer(Math.max(1, capacity) * RECORD_BYTES);
    this.#bytes = new Uint8Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#f64 = new Float64Array(buffer);
  }

  /** Room for records in memory of the caller's: what is appended is written there, until more is appended than fits. */
  static over(bytes: Uint8Array): OpRecords {
    checkMemory(bytes, RECORD_BYTES, 1);
    const records = new OpRecords(0);
    records.#use(bytes);
    return records;
  }

  /** Takes a copy of existing packed records. */
  static from(bytes: Uint8Array): OpRecords {
    if (!(bytes instanceof Uint8Array) || bytes.length % RECORD_BYTES !== 0) {
      throw new GmemError(
        'ERR_GMEM_ARGUMENT',
        `packed records are a Uint8Array of a multiple of ${RECORD_BYTES} bytes`,
      );
    }
    const records = new OpRecords(bytes.length / RECORD_BYTES);
    records.#bytes.set(bytes);
    records.length = bytes.length / RECORD_BYTES;
    return records;
  }

  /** All capacity, records first; pass it to Backend.run with `length`. Valid until the next append. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  clear(): void {
    this.length = 0;
  }

  /**
   * Appends one record. Looks at none of the fields, which would cost every append: numbers are taken as typed arrays take
   * them, `kind` and `flags` modulo 2^8, `vcpu` modulo 2^16, `vm`, `gmem` and `arg` modulo 2^32 (-1 is 4294967295). What
   * takes a stream checks its records before it runs or writes them.
   *
   * @returns its position.
   */
  append(
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
    const i = this.length;
    if ((i + 1) * RECORD_BYTES > this.#bytes.length) this.#grow();
    try {
      this.#bytes[i * RECORD_BYTES] = kind;
      this.#bytes[i * RECORD_BYTES + 1] = flags;
      this.#u16[i * U16_PER_RECORD + 1] = vcpu;
      const u = i * U32_PER_RECORD;
      this.#u32[u + 1] = vm;
      this.#u32[u + 2] = gmem;
      this.#u32[u + 3] = arg;
      const f = i * F64_PER_RECORD;
      this.#f64[f + 2] = address;
      this.#f64[f + 3] = size;
      this.#f64[f + 4] = extra;
    } catch (cause) {
      // What no number can be made of, such as a symbol: to look at every field first would cost every append.
      throw new GmemError('ERR_GMEM_ARGUMENT', 'fields of a record: accepted: numbers', { cause });
    }
    this.length = i + 1;
    return i;
  }

  appendFields(fields: RecordFields): number {
    if (typeof fields !== 'object' || fields === null)
      throw new GmemError('ERR_GMEM_ARGUMENT', `fields of a record: got ${shown(fields)}, accepted: an object`);
    return this.append(
      fields.kind,
      fields.flags,
      fields.vcpu,
      fields.vm,
      fields.gmem,
      fields.arg,
      fields.address,
      fields.size,
      fields.extra,
    );
  }

  /** Appends every record of another array. */
  appendAll(other: OpRecords): void {
    if (!(other instanceof OpRecords)) throw new GmemError('ERR_GMEM_ARGUMENT', 'other: accepted: OpRecords');
    this.reserve(this.length + other.length);
    this.#bytes.set(other.bytes.subarray(0, other.length * RECORD_BYTES), this.length * RECORD_BYTES);
    this.length += other.length;
  }

  /** Copies record `i` into `into`, or a fresh object. */
  read(i: number, into: RecordFields = blankFields()): RecordFields {
    this.#check(i);
    const u = i * U32_PER_RECORD;
    const f = i * F64_PER_RECORD;
    try {
      into.kind = this.#bytes[i * RECORD_BYTES] as number;
      into.flags = this.#bytes[i * RECORD_BYTES + 1] as number;
      into.vcpu = this.#u16[i * U16_PER_RECORD + 1] as number;
      into.vm = this.#u32[u + 1] as number;
      into.gmem = this.#u32[u + 2] as number;
      into.arg = this.#u32[u + 3] as number;
      into.address = this.#f64[f + 2] as number;
      into.size = this.#f64[f + 3] as number;
      into.extra = this.#f64[f + 4] as number;
    } catch (cause) {
      // What nothing can be written into, frozen objects too.
      throw new GmemError('ERR_GMEM_ARGUMENT', 'into: accepted: an object that can be written', { cause });
    }
    return into;
  }

  kind(i: number): number {
    this.#check(i);
    return this.#bytes[i * RECORD_BYTES] as number;
  }

  opName(i: number): OpName {
    this.#check(i);
    return OP_NAMES[this.#bytes[i * RECORD_BYTES] as number] as OpName;
  }

  /**
   * Makes room for `capacity` records in all, so that a reader can fill `bytes` itself and then set `length`.
   *
   * @throws GmemError beyond MAX_RECORDS.
   */
  reserve(capacity: number): void {
    checkWithin('ops of a stream', capacity, MAX_RECORDS);
    if (capacity * RECORD_BYTES > this.#bytes.length) this.#resize(capacity);
  }

  #check(i: number): void {
    if (!(Number.isInteger(i) && i >= 0 && i < this.length))
      throw new GmemError('ERR_GMEM_ARGUMENT', `record ${shown(i)} of ${this.length}`);
  }

  #grow(): void {
    checkWithin('ops of a stream', this.length + 1, MAX_RECORDS);
    this.#resize(Math.min(this.length * 2, MAX_RECORDS));
  }

  #resize(capacity: number): void {
    const bytes = new Uint8Array(capacity * RECORD_BYTES);
    bytes.set(this.#bytes.subarray(0, this.length * RECORD_BYTES));
    this.#use(bytes);
  }

  #use(bytes: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = bytes;
    this.#bytes = bytes;
    this.#u16 = new Uint16Array(buffer, byteOffset, byteLength / 2);
    this.#u32 = new Uint32Array(buffer, byteOffset, byteLength / 4);
    this.#f64 = new Float64Array(buffer, byteOffset, byteLength / 8);
  }
}

/**
 * That the memory of records holds as many as they say: it may have been handed to another thread since, and `length` is
 * anyone's to set.
 */
export function checkHeld(records: OpRecords): void {
  const { length, bytes } = records;
  if (Number.isInteger(length) && length >= 0 && length * RECORD_BYTES <= bytes.length) return;
  throw new GmemError(
    'ERR_GMEM_ARGUMENT',
    `records: ${shown(length)} in ${bytes.length} bytes of memory, accepted: whole records of ${RECORD_BYTES} bytes that are still there`,
  );
}

/** An integer from 0 to `most`. */
export function checkWithin(what: string, value: unknown, most: number): void {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most) return;
  throw new GmemError('ERR_GMEM_ARGUMENT', `${what}: got ${shown(value)}, accepted: 0 to ${most}`);
}

/**
 * Memory of the caller's for records: aligned for their doubles, whole ones, and at least `least`. Not shared: an engine
 * reads a record more than once, and no other thread may change it meanwhile.
 */
export function checkMemory(bytes: unknown, recordBytes: number, least: number): void {
  const own = bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer;
  const { length, byteOffset } = own ? bytes : { length: -1, byteOffset: 0 };
  const records = Math.max(1, least);
  if (length >= records * recordBytes && length % recordBytes === 0 && byteOffset % 8 === 0) return;
  throw new GmemError(
    'ERR_GMEM_ARGUMENT',
    `memory for records: accepted: a Uint8Array of an ArrayBuffer, at a multiple of 8, of ${records} times ${recordBytes} bytes or more`,
  );
}

export function blankFields(): RecordFields {
  return { kind: 0, flags: 0, vcpu: 0, vm: 0, gmem: 0, arg: 0, address: 0, size: 0, extra: 0 };
}

export function hasFlag(flags: number, flag: keyof typeof FLAG): boolean {
  return (flags & FLAG[flag]) !== 0;
}
