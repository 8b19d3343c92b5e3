/**
 * The op stream: every op kind, its keys, and where each key sits in the packed record. This table is the only place
 * that knows; the JSON reader and writer, the builder, the packed format and the native header derive from it.
 *
 * A record is 40 bytes, little-endian:
 *
 * | offset | type | field   | holds                                              |
 * |--------|------|---------|----------------------------------------------------|
 * | 0      | u8   | kind    | position of the op in `OPS`                        |
 * | 1      | u8   | flags   | bits of `FLAG`                                     |
 * | 2      | u16  | vcpu    |                                                    |
 * | 4      | u32  | vm      |                                                    |
 * | 8      | u32  | gmem    |                                                    |
 * | 12     | u32  | arg     | slot, byte, order, tries, or an enumerated value   |
 * | 16     | f64  | address | gpa or file offset, bytes                          |
 * | 24     | f64  | size    | bytes                                              |
 * | 32     | f64  | extra   | the third quantity of the ops that have one        |
 *
 * Quantities are safe integers kept as f64, negative ones included: a misaligned or absurd offset is a legal op whose
 * answer is the kernel's errno. Identifiers are bounded by the format.
 */

import { frozen } from './frozen.js';
import { SWITCH_NAMES } from './knobs.js';
import { MOST_BUSY_ATTEMPTS } from './rmp.js';

export const RECORD_BYTES = 40;

export const FLAG = frozen({
  /** Access writes. */
  write: 1,
  /** Access kind, or conversion target, is private. */
  private: 2,
  /** `fault` prepares but installs no stage-2 leaf. */
  noMap: 4,
  /** `populate` source page is not present. */
  absent: 8,
  /** `pin` is a transient speculative reference. */
  speculative: 16,
} as const);

/** Bits of the `flags` key of `create` (KVM_CREATE_GUEST_MEMFD). */
export const CREATE_FLAG = frozen({ mmap: 1, 'init-shared': 2 } as const);

export const ID_LIMITS = frozen({
  /** ASID = vm + 1 must fit the 10-bit ASID field of an RMP entry. */
  vm: 1022,
  vcpu: 65535,
  gmem: 65535,
  slot: 2 ** 32 - 1,
  byte: 255,
  tries: 2 ** 32 - 1,
  order: 2 ** 32 - 1,
  attempts: MOST_BUSY_ATTEMPTS,
} as const);

export type IdName = keyof typeof ID_LIMITS;
export type Field = 'vcpu' | 'vm' | 'gmem' | 'arg' | 'address' | 'size' | 'extra';

/**
 * One key of an op. Without a `default` the key is required. A key is written even where it has its default value,
 * unless it is `implicit`.
 */
export type KeySpec =
  /** Bounded identifier or small number, in an integer field. */
  | { type: 'id'; of: IdName; field: Field; default?: number; implicit?: boolean }
  /** Safe integer quantity (bytes unless the op says otherwise), in an f64 field. */
  | { type: 'quantity'; field: 'address' | 'size' | 'extra'; default?: number; implicit?: boolean }
  /** Flag bit, set when the key is true. */
  | { type: 'boolean'; flag: keyof typeof FLAG; inverted?: boolean; default: boolean }
  /** Flag bit, set for the second value. */
  | { type: 'choice'; flag: keyof typeof FLAG; values: readonly [string, string]; default?: string }
  /** Position in `values`, in a field. */
  | { type: 'enum'; field: 'arg' | 'extra'; values: readonly string[]; default?: string; implicit?: boolean }
  /** `create` flags: a list of names, or the raw bits. */
  | { type: 'createFlags'; field: 'extra'; default: number }
  /** Value of the `set` op: one of those of the switch its `key` names, by position, or a number. */
  | { type: 'switchValue'; field: 'extra' };

const VM = { type: 'id', of: 'vm', field: 'vm', default: 0 } as const satisfies KeySpec;
const VCPU = { type: 'id', of: 'vcpu', field: 'vcpu', default: 0 } as const satisfies KeySpec;
const GMEM = { type: 'id', of: 'gmem', field: 'gmem', default: 0 } as const satisfies KeySpec;
const GPA = { type: 'quantity', field: 'address' } as const satisfies KeySpec;
const OFFSET = { type: 'quantity', field: 'address' } as const satisfies KeySpec;
const SIZE = { type: 'quantity', field: 'size' } as const satisfies KeySpec;
const BYTE = { type: 'id', of: 'byte', field: 'arg' } as const satisfies KeySpec;
const ORDER = { type: 'id', of: 'order', field: 'arg' } as const satisfies KeySpec;
const WRITE = { type: 'boolean', flag: 'write', default: false } as const satisfies KeySpec;
const TO = { type: 'choice', flag: 'private', values: ['shared', 'private'] } as const satisfies KeySpec;
/** Reads accept the `byte` of their write twin and do not look at it. */
const READ_BYTE = { ...BYTE, default: 0, implicit: true } as const satisfies KeySpec;

/** Contents a conversion asks for; `unspecified` is the absence of the key. */
export const CONTENTS = ['unspecified', 'zero', 'preserve'] as const;

/** Keys of every op, in the order they are written. Order of the ops = kind number. */
export const OPS = frozen({
  create: {
    gmem: GMEM,
    vm: VM,
    size: SIZE,
    flags: { type: 'createFlags', field: 'extra', default: 0 },
  },
  bind: {
    vm: VM,
    slot: { type: 'id', of: 'slot', field: 'arg' },
    gpa: { type: 'quantity', field: 'address', default: 0 },
    size: SIZE,
    gmem: GMEM,
    offset: { type: 'quantity', field: 'extra', default: 0 },
  },
  fallocate: { gmem: GMEM, offset: OFFSET, size: SIZE },
  punch: { gmem: GMEM, offset: OFFSET, size: SIZE },
  fault: {
    vm: VM,
    vcpu: VCPU,
    gpa: GPA,
    access: { type: 'choice', flag: 'private', values: ['shared', 'private'] },
    write: WRITE,
    map: { type: 'boolean', flag: 'noMap', inverted: true, default: true },
  },
  populate: {
    vm: VM,
    gpa: GPA,
    size: SIZE,
    fill: { ...BYTE, default: 0 },
    source: { type: 'choice', flag: 'absent', values: ['present', 'absent'], default: 'present' },
  },
  validate: { vm: VM, vcpu: VCPU, gpa: GPA, size: SIZE },
  finalize: { vm: VM },
  convert: {
    vm: VM,
    /** Who asked; the traces carry it, no engine looks at it. */
    vcpu: VCPU,
    gpa: GPA,
    size: SIZE,
    to: TO,
    content: { type: 'enum', field: 'arg', values: CONTENTS, default: 'unspecified', implicit: true },
  },
  attributes: { vm: VM, gpa: GPA, size: SIZE, to: TO },
  'guest-write': { vm: VM, vcpu: VCPU, gpa: GPA, size: SIZE, byte: BYTE },
  'guest-read': { vm: VM, vcpu: VCPU, gpa: GPA, size: SIZE, byte: READ_BYTE },
  'host-write': { gmem: GMEM, offset: OFFSET, size: SIZE, byte: BYTE },
  'host-read': { gmem: GMEM, offset: OFFSET, size: SIZE, byte: READ_BYTE },
  'vmm-write': { vm: VM, gpa: GPA, size: SIZE, byte: BYTE },
  'vmm-read': { vm: VM, gpa: GPA, size: SIZE, byte: READ_BYTE },
  pin: {
    gmem: GMEM,
    offset: OFFSET,
    size: SIZE,
    kind: { type: 'choice', flag: 'speculative', values: ['gup', 'speculative'], default: 'gup' },
    tries: { type: 'id', of: 'tries', field: 'arg', default: 1 },
  },
  unpin: {
    gmem: GMEM,
    offset: OFFSET,
    size: SIZE,
    kind: { type: 'choice', flag: 'speculative', values: ['gup', 'speculative'], default: 'gup' },
  },
  poison: { gmem: GMEM, offset: OFFSET },
  split: { gmem: GMEM, offset: OFFSET, size: SIZE, order: { ...ORDER, default: 0 } },
  merge: { gmem: GMEM, offset: OFFSET, size: SIZE, order: ORDER },
  set: {
    key: { type: 'enum', field: 'arg', values: SWITCH_NAMES },
    value: { type: 'switchValue', field: 'extra' },
    /** Attempts that go through before those `rmp-busy` holds up; the other switches have none. */
    after: { type: 'id', of: 'attempts', field: 'size', default: 0, implicit: true },
  },
  pressure: {
    order: ORDER,
    free: { type: 'quantity', field: 'size' },
    seed: { type: 'quantity', field: 'extra', default: 0 },
  },
  close: { gmem: GMEM },
  destroy: { vm: VM },
  touch: {
    vm: VM,
    vcpu: VCPU,
    gpa: GPA,
    size: { type: 'quantity', field: 'size', default: 4096, implicit: true },
    write: WRITE,
  },
} as const satisfies Record<string, Record<string, KeySpec>>);

export type OpName = keyof typeof OPS;
export const OP_NAMES = frozen(Object.keys(OPS) as readonly OpName[]);

/** Kind number of an op name. */
export const OP_KIND = frozen(
  Object.fromEntries(OP_NAMES.map((name, kind) => [name, kind])) as Readonly<Record<OpName, number>>,
);

/** Annotations any op may carry; engines do not interpret them. */
export const ANNOTATIONS = {
  t: 'number',
  derived: 'boolean',
  source: 'string',
  note: 'string',
} as const;
export type AnnotationName = keyof typeof ANNOTATIONS;
