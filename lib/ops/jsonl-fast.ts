/**
 * The fast path of the JSON lines reader: takes a line of the common shape straight from its bytes into a record.
 *
 * It takes a line only if the general path (json-line.ts and encode.ts) would take it and make the same record of it;
 * whatever is unusual (escapes, hexadecimal text, switches, unknown or repeated keys, anything wrong) it leaves alone. The tests
 * hold the two together.
 */
import { ANNOTATIONS, type AnnotationName, FLAG, ID_LIMITS, type KeySpec } from '../spec/ops.js';
import { annotationsOf, OP_PLANS } from './encode.js';
import type { Notes } from './notes.js';
import { blankFields, type RecordFields } from './records.js';
import type { OpStream } from './stream.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
const MINUS = 0x2d;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Digits that always make a safe integer. */
const SAFE_DIGITS = 15;

interface FastKey {
  readonly name: Uint8Array;
  readonly spec: KeySpec | AnnotationName;
  /** Literals of the value, for keys that have a few. */
  readonly literals: readonly Uint8Array[];
}

interface FastOp {
  readonly name: Uint8Array;
  readonly kind: number;
  readonly keys: readonly FastKey[];
  /** Bit i set: key i must be given. */
  readonly required: number;
  /** The record with every default. */
  readonly blank: RecordFields;
}

const quoted = (text: string): Uint8Array => Buffer.from(`"${text}"`, 'latin1');
const BOOLEANS = [Buffer.from('false', 'latin1'), Buffer.from('true', 'latin1')];
const OP_KEY = quoted('op');

const FAST_OPS: readonly FastOp[] = OP_PLANS.map(({ name, kind, keys }) => {
  const blank = blankFields();
  blank.kind = kind;
  let required = 0;
  keys.forEach(([, spec], i) => {
    if (!('default' in spec) || spec.default === undefined) {
      required |= 1 << i;
      return;
    }
    if (spec.type === 'boolean') blank.flags |= spec.default !== (spec.inverted ?? false) ? FLAG[spec.flag] : 0;
    else if (spec.type === 'choice') blank.flags |= spec.default === spec.values[1] ? FLAG[spec.flag] : 0;
    else if (spec.type === 'enum') blank[spec.field] = spec.values.indexOf(spec.default);
    else blank[spec.field] = spec.default;
  });
  const annotations: FastKey[] = annotationsOf(name).map((annotation) => ({
    name: quoted(annotation),
    spec: annotation,
    literals: ANNOTATIONS[annotation] === 'boolean' ? BOOLEANS : [],
  }));
  return {
    name: quoted(name),
    kind,
    keys: [...keys.map(([key, spec]) => ({ name: quoted(key), spec, literals: literalsOf(spec) })), ...annotations],
    required,
    blank,
  };
});

function literalsOf(spec: KeySpec): readonly Uint8Array[] {
  if (spec.type === 'boolean') return BOOLEANS;
  if (spec.type === 'choice' || spec.type === 'enum') return spec.values.map(quoted);
  return [];
}

export class FastLines {
  readonly #stream: OpStream;
  readonly #fields = blankFields();
  #last = FAST_OPS[0] as FastOp;
  /** Where the last token ended, -1 if it was not one. */
  #at = 0;
  #number = 0;
  #text = '';
  #sources = new Map<string, string>();

  constructor(stream: OpStream) {
    this.#stream = stream;
  }

  /** Takes the line in [start, end) of `bytes`. @returns false, and an untouched stream, if it leaves it alone. */
  take(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes[start] !== OPEN) return false;
    let at = matches(bytes, start + 1, end, OP_KEY);
    if (at < 0 || bytes[at] !== COLON) return false;
    at = skipSpace(bytes, at + 1);
    const op = this.#op(bytes, at, end);
    if (op === undefined) return false;
    at += op.name.length;

    const fields = Object.assign(this.#fields, op.blank);
    const keys = op.keys;
    let seen = 0;
    let next = 0;
    let time = Number.NaN;
    let notes: { -readonly [K in keyof Notes]: Notes[K] } | undefined;
    while (bytes[at] === COMMA && at < end) {
      at = skipSpace(bytes, at + 1);
      let after = -1;
      let k = next;
      for (let tried = 0; tried < keys.length; tried += 1, k += 1) {
        if (k >= keys.length) k = 0;
        after = matches(bytes, at, end, (keys[k] as FastKey).name);
        if (after >= 0) break;
      }
      if (after < 0 || (seen & (1 << k)) !== 0 || bytes[after] !== COLON) return false;
      seen |= 1 << k;
      next = k + 1;
      const key = keys[k] as FastKey;
      at = skipSpace(bytes, after + 1);
      if (typeof key.spec === 'string') {
        if (key.spec === 't') {
          if (!this.#integer(bytes, at, end)) return false;
          time = this.#number;
        } else {
          notes ??= {};
          if (key.spec === 'derived') {
            if (!this.#literal(bytes, at, end, key.literals)) return false;
            notes.derived = this.#number === 1;
          } else {
            if (!this.#plainText(bytes, at, end)) return false;
            notes[key.spec] = this.#text;
          }
        }
      } else if (!this.#value(bytes, at, end, key, key.spec, fields)) return false;
      at = this.#at;
    }
    if (bytes[at] !== CLOSE || at + 1 !== end || (seen & op.required) !== op.required) return false;

    const i = this.#stream.records.appendFields(fields);
    if (!Number.isNaN(time)) this.#stream.setTime(i, time);
    if (notes !== undefined) this.#stream.notes.set(i, notes);
    return true;
  }

  #op(bytes: Uint8Array, at: number, end: number): FastOp | undefined {
    if (matches(bytes, at, end, this.#last.name) >= 0) return this.#last;
    for (const op of FAST_OPS) {
      if (matches(bytes, at, end, op.name) >= 0) {
        this.#last = op;
        return op;
      }
    }
    return undefined;
  }

  #value(bytes: Uint8Array, at: number, end: number, key: FastKey, spec: KeySpec, fields: RecordFields): boolean {
    switch (spec.type) {
      case 'id':
        if (!this.#integer(bytes, at, end) || this.#number < 0 || this.#number > ID_LIMITS[spec.of]) return false;
        fields[spec.field] = this.#number;
        return true;
      case 'quantity':
        if (!this.#integer(bytes, at, end)) return false;
        fields[spec.field] = this.#number;
        return true;
      case 'boolean':
        if (!this.#literal(bytes, at, end, key.literals)) return false;
        this.#flag(fields, FLAG[spec.flag], (this.#number === 1) !== (spec.inverted ?? false));
        return true;
      case 'choice':
        if (!this.#literal(bytes, at, end, key.literals)) return false;
        this.#flag(fields, FLAG[spec.flag], this.#number === 1);
        return true;
      case 'enum':
        if (!this.#literal(bytes, at, end, key.literals)) return false;
        fields[spec.field] = this.#number;
        return true;
      case 'createFlags':
        if (bytes[at] !== OPEN_LIST || bytes[at + 1] !== CLOSE_LIST) return false;
        fields[spec.field] = 0;
        this.#at = at + 2;
        return true;
      case 'switchValue':
        return false;
    }
  }

  #flag(fields: RecordFields, bit: number, set: boolean): void {
    fields.flags = set ? fields.flags | bit : fields.flags & ~bit;
  }

  #integer(bytes: Uint8Array, start: number, end: number): boolean {
    const negative = bytes[start] === MINUS;
    const first = negative ? start + 1 : start;
    let at = first;
    let value = 0;
    while (at < end) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at += 1;
    }
    const digits = at - first;
    if (digits === 0 || digits > SAFE_DIGITS || (digits > 1 && bytes[first] === ZERO) || !endsValue(bytes[at])) {
      return false;
    }
    this.#number = negative ? 0 - value : value;
    this.#at = at;
    return true;
  }

  #literal(bytes: Uint8Array, at: number, end: number, literals: readonly Uint8Array[]): boolean {
    for (let i = 0; i < literals.length; i += 1) {
      const after = matches(bytes, at, end, literals[i] as Uint8Array);
      if (after >= 0) {
        this.#number = i;
        this.#at = after;
        return endsValue(bytes[after]);
      }
    }
    return false;
  }

  /** A string of printable ASCII without escapes. */
  #plainText(bytes: Uint8Array, at: number, end: number): boolean {
    if (bytes[at] !== QUOTE) return false;
    let last = at + 1;
    let byte = bytes[last] as number;
    while (last < end && byte !== QUOTE) {
      if (byte === BACKSLASH || byte < SPACE || byte >= 0x7f) return false;
      last += 1;
      byte = bytes[last] as number;
    }
    if (last >= end || !endsValue(bytes[last + 1])) return false;
    const text = String.fromCharCode.apply(null, bytes.subarray(at + 1, Math.min(last, at + 257)) as never);
    if (text.length !== last - at - 1) return false;
    const known = this.#sources.get(text);
    if (known === undefined && this.#sources.size < 1024) this.#sources.set(text, text);
    this.#text = known ?? text;
    this.#at = last + 1;
    return true;
  }
}

/** Where `expected` ends if it stands at `at`, else -1. */
function matches(bytes: Uint8Array, at: number, end: number, expected: Uint8Array): number {
  const after = at + expected.length;
  if (after > end) return -1;
  for (let i = 0; i < expected.length; i += 1) {
    if (bytes[at + i] !== expected[i]) return -1;
  }
  return after;
}

function skipSpace(bytes: Uint8Array, at: number): number {
  let after = at;
  while (bytes[after] === SPACE) after += 1;
  return after;
}

function endsValue(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE;
}
