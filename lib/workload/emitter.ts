/**
 * Where phases put their ops: one chunk of bounded size, filled and handed on again and again, with a clock.
 *
 * The clock is an axis for reports and no measurement: an op takes the microseconds of `COST_US`, an idle phase its seconds.
 *
 * Invariant: the chunk holds at most CHUNK_OPS ops. A phase asks `full` before every group of at most GROUP_OPS ops, and
 * yields when it is.
 */
import { OP_PLANS } from '../ops/encode.js';
import { OpRecords } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import { CONTENTS, FLAG, OP_KIND } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';

export const CHUNK_OPS = 1 << 14;
/** Most ops a phase may emit after it found the chunk not full. */
export const GROUP_OPS = 8;

const COST_US = { op: 2, page: 0.25 } as const;

const withKey = (key: string): readonly boolean[] => OP_PLANS.map(({ keys }) => keys.some(([name]) => name === key));
const HAS_VM = withKey('vm');
const HAS_GMEM = withKey('gmem');

export type Content = (typeof CONTENTS)[number];

/** Whose op it is: ids of a guest in this round. */
export interface GuestIds {
  readonly vm: number;
  readonly gmem: number;
}

export class Emitter {
  readonly stream = new OpStream(new OpRecords(CHUNK_OPS));
  /** Ops in chunks handed on before this one. */
  start = 0;
  guest: GuestIds = { vm: 0, gmem: 0 };
  #now = 0;

  get full(): boolean {
    return this.stream.length > CHUNK_OPS - GROUP_OPS;
  }

  /** Begins the next chunk. */
  next(): void {
    this.start += this.stream.length;
    this.stream.clear();
  }

  wait(seconds: number): void {
    this.#now += seconds * 1e6;
  }

  create(bytes: number, flags: number): void {
    this.#append(OP_KIND.create, 0, 0, 0, 0, bytes, flags, 0);
  }

  bind(slot: number, gpa: number, bytes: number, offset: number): void {
    this.#append(OP_KIND.bind, 0, 0, slot, gpa, bytes, offset, 0);
  }

  populate(gpa: number, bytes: number, fill: number): void {
    this.#append(OP_KIND.populate, 0, 0, fill, gpa, bytes, 0, bytes / PAGE_BYTES);
  }

  finalize(): void {
    this.#append(OP_KIND.finalize, 0, 0, 0, 0, 0, 0, 0);
  }

  touch(vcpu: number, gpa: number, bytes: number, write = true): void {
    this.#append(OP_KIND.touch, write ? FLAG.write : 0, vcpu, 0, gpa, bytes, 0, bytes / PAGE_BYTES);
  }

  /** @param source what the conversion is for, kept as the op's annotation. */
  convert(
    vcpu: number,
    gpa: number,
    bytes: number,
    to: 'shared' | 'private',
    source: string,
    content: Content = 'unspecified',
  ): void {
    const flags = to === 'private' ? FLAG.private : 0;
    const at = this.#append(OP_KIND.convert, flags, vcpu, CONTENTS.indexOf(content), gpa, bytes, 0, bytes / PAGE_BYTES);
    this.stream.notes.set(at, { source });
  }

  punch(offset: number, bytes: number): void {
    this.#append(OP_KIND.punch, 0, 0, 0, offset, bytes, 0, 0);
  }

  pin(offset: number, bytes: number): void {
    this.#append(OP_KIND.pin, 0, 0, 1, offset, bytes, 0, 0);
  }

  unpin(offset: number, bytes: number): void {
    this.#append(OP_KIND.unpin, 0, 0, 0, offset, bytes, 0, 0);
  }

  /** The end of a guest: its file closed, its VM destroyed. */
  shutdown(): void {
    this.#append(OP_KIND.close, 0, 0, 0, 0, 0, 0, 0);
    this.#append(OP_KIND.destroy, 0, 0, 0, 0, 0, 0, 0);
  }

  #append(
    kind: number,
    flags: number,
    vcpu: number,
    arg: number,
    address: number,
    bytes: number,
    extra: number,
    pages: number,
  ): number {
    const vm = HAS_VM[kind] ? this.guest.vm : 0;
    const gmem = HAS_GMEM[kind] ? this.guest.gmem : 0;
    const at = this.stream.records.append(kind, flags, vcpu, vm, gmem, arg, address, bytes, extra);
    this.stream.setTime(at, Math.round(this.#now));
    this.#now += COST_US.op + COST_US.page * pages;
    return at;
  }
}
