/**
 * VMs and gmem files as objects: a name for an id, with one method an op. Handles hold no state of the engine: a handle of
 * something that is gone answers EBADF, as a closed descriptor does.
 *
 * Every method takes one object with the op's keys as in the op stream, and sizes as text too ("2MiB"); it gives a plain
 * Outcome, refused or not. `expectOk` turns a refusal into an exception.
 */
import type { OpInput, OpInputOf } from '../ops/builder.js';
import type { Outcome } from '../ops/outcomes.js';
import { type CREATE_FLAG, type KeySpec, OP_NAMES, OPS, type OpName } from '../spec/ops.js';
import type { PageState } from '../spec/page-view.js';
import { ORDER_1G, ORDER_2M, ORDER_4K } from '../spec/units.js';
import { argumentError, checkKeys, type Size, toBytes } from './arguments.js';
import type { Engine } from './engine.js';
import { refusal } from './expect.js';
import type { PageView } from './pages.js';

/** An op's arguments without what the handle knows, sizes as numbers or text. */
export type OpArguments<N extends OpName, Known extends string> = {
  [K in keyof Omit<OpInputOf<N>, 'op' | Known>]: K extends 'gpa' | 'offset' | 'size'
    ? Size
    : K extends 'order'
      ? OrderInput
      : K extends 'gmem'
        ? Gmem | number
        : OpInputOf<N>[K & keyof OpInputOf<N>];
};

/** 0, 9 or 18, or the size it stands for. Other numbers are legal ops, and refused by the engine. */
export type OrderInput = number | '4K' | '2M' | '1G';

const ORDER_NAMES: Readonly<Record<string, number>> = { '4K': ORDER_4K, '2M': ORDER_2M, '1G': ORDER_1G };

/** The key that says which handle an op is of. */
type HandleKey = 'vm' | 'gmem';

const SPECS: Readonly<Record<OpName, Readonly<Record<string, KeySpec>>>> = OPS;
/** Keys a method of a handle takes, by op. */
const ACCEPTED = { vm: acceptedBut('vm'), gmem: acceptedBut('gmem') };

function acceptedBut(known: HandleKey): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(OP_NAMES.map((op) => [op, Object.keys(OPS[op]).filter((key) => key !== known)]));
}

/**
 * The op in its JSON shape. Text and handles become the numbers the op stream wants; everything else is checked when the op
 * is encoded.
 */
function opOf(engine: Engine, op: OpName, known: HandleKey, id: number, args: unknown): OpInput {
  const given = checkKeys(op, args, ACCEPTED[known][op] as readonly string[]);
  const specs = SPECS[op];
  const made: Record<string, unknown> = known === 'vm' ? { op, vm: id } : { op, gmem: id };
  for (const key of Object.keys(given)) {
    const value = given[key];
    if (value === undefined) continue;
    if (specs[key]?.type === 'quantity')
      made[key] = Number.isSafeInteger(value) ? value : toBytes(`${op}: ${key}`, value);
    else if (key === 'order' && typeof value === 'string') made[key] = ORDER_NAMES[value] ?? value;
    else if (value instanceof Gmem) made[key] = gmemId(engine, value);
    else made[key] = value;
  }
  return made as OpInput;
}

/** Options of `createGmem`. */
export interface CreateGmemOptions {
  readonly size: Size;
  /** Names, or the raw bits. */
  readonly flags?: readonly (keyof typeof CREATE_FLAG)[] | number;
  /** Id of the file in the op stream. Default: the lowest that is free. */
  readonly id?: number;
}

export class Vm {
  readonly engine: Engine;
  readonly id: number;

  /** @internal Use `engine.vm(id)`. */
  constructor(engine: Engine, id: number) {
    this.engine = engine;
    this.id = id;
  }

  #apply<N extends OpName>(op: N, args: unknown): Outcome<N> {
    return this.engine.apply(opOf(this.engine, op, 'vm', this.id, args)) as Outcome<N>;
  }

  /**
   * Creates a gmem file for this VM (KVM_CREATE_GUEST_MEMFD).
   *
   * @throws GmemError `ERR_GMEM_OP` when it is refused; `engine.apply({ op: 'create', … })` gives the outcome instead.
   */
  createGmem(options: CreateGmemOptions): Gmem {
    const given = checkKeys('createGmem', options, ['size', 'flags', 'id']);
    const gmem = this.engine.gmem(given.id === undefined ? this.engine.freeGmemId() : (given.id as number));
    const args = { gmem: gmem.id, size: given.size, flags: given.flags };
    const outcome = this.engine.apply(opOf(this.engine, 'create', 'vm', this.id, args));
    if (!outcome.ok) throw refusal(outcome, { gmem: gmem.id, size: given.size, flags: given.flags ?? 'none' });
    return gmem;
  }

  /** Binds a range of a file as a memslot (KVM_SET_USER_MEMORY_REGION2); size 0 deletes the slot. */
  bind(args: OpArguments<'bind', 'vm'>): Outcome<'bind'> {
    return this.#apply('bind', args);
  }

  /** A stage-2 fault by KVM itself; `map: false` prepares the page and installs no leaf. */
  fault(args: OpArguments<'fault', 'vm'>): Outcome<'fault'> {
    return this.#apply('fault', args);
  }

  /** An access of whatever kind each page has now, one page by default. */
  touch(args: OpArguments<'touch', 'vm'>): Outcome<'touch'> {
    return this.#apply('touch', args);
  }

  /** Loads initial contents (SNP_LAUNCH_UPDATE and its like); `done` counts pages. */
  populate(args: OpArguments<'populate', 'vm'>): Outcome<'populate'> {
    return this.#apply('populate', args);
  }

  /** The guest's PVALIDATE of one 4K or 2M page; `code` is the instruction's. */
  validate(args: OpArguments<'validate', 'vm'>): Outcome<'validate'> {
    return this.#apply('validate', args);
  }

  /** Ends the populate phase. */
  finalize(): Outcome<'finalize'> {
    return this.#apply('finalize', {});
  }

  /** The guest converts a range between private and shared, the whole way through userspace. */
  convert(args: OpArguments<'convert', 'vm'>): Outcome<'convert'> {
    return this.#apply('convert', args);
  }

  /** KVM_SET_MEMORY_ATTRIBUTES alone: the gmem file is not touched. */
  setAttributes(args: OpArguments<'attributes', 'vm'>): Outcome<'attributes'> {
    return this.#apply('attributes', args);
  }

  /** The guest reads: `byte` when all bytes are equal, else `mixed`. */
  read(args: OpArguments<'guest-read', 'vm' | 'byte'>): Outcome<'guest-read'> {
    return this.#apply('guest-read', args);
  }

  /** The guest fills a range with `byte`. */
  write(args: OpArguments<'guest-write', 'vm'>): Outcome<'guest-write'> {
    return this.#apply('guest-write', args);
  }

  /** Userspace reads through the slot's user address. */
  vmmRead(args: OpArguments<'vmm-read', 'vm' | 'byte'>): Outcome<'vmm-read'> {
    return this.#apply('vmm-read', args);
  }

  /** Userspace fills a range through the slot's user address. */
  vmmWrite(args: OpArguments<'vmm-write', 'vm'>): Outcome<'vmm-write'> {
    return this.#apply('vmm-write', args);
  }

  /** Gives up the VM; its files stay. */
  destroy(): Outcome<'destroy'> {
    return this.#apply('destroy', {});
  }
}

/** The part of a file to count in, whole pages; by default all of it. */
export interface CountRange {
  readonly offset?: Size;
  /** Default: to the end of the file. */
  readonly size?: Size;
}

export class Gmem {
  readonly engine: Engine;
  readonly id: number;

  /** @internal Use `vm.createGmem(…)` or `engine.gmem(id)`. */
  constructor(engine: Engine, id: number) {
    this.engine = engine;
    this.id = id;
  }

  #apply<N extends OpName>(op: N, args: unknown): Outcome<N> {
    return this.engine.apply(opOf(this.engine, op, 'gmem', this.id, args)) as Outcome<N>;
  }

  /** Size of the open file in bytes; `undefined` when it is not open. */
  get size(): number | undefined {
    return this.engine.fileSize(this.id);
  }

  /** Allocates the pages of a range. */
  fallocate(args: OpArguments<'fallocate', 'gmem'>): Outcome<'fallocate'> {
    return this.#apply('fallocate', args);
  }

  /** Punches a hole; `freed`, `zeroed` count pages, `split` folios. */
  punch(args: OpArguments<'punch', 'gmem'>): Outcome<'punch'> {
    return this.#apply('punch', args);
  }

  /** Reads through a mapping of the file itself. */
  hostRead(args: OpArguments<'host-read', 'gmem' | 'byte'>): Outcome<'host-read'> {
    return this.#apply('host-read', args);
  }

  /** Fills a range through a mapping of the file itself. */
  hostWrite(args: OpArguments<'host-write', 'gmem'>): Outcome<'host-write'> {
    return this.#apply('host-write', args);
  }

  /** Takes host references. */
  pin(args: OpArguments<'pin', 'gmem'>): Outcome<'pin'> {
    return this.#apply('pin', args);
  }

  unpin(args: OpArguments<'unpin', 'gmem'>): Outcome<'unpin'> {
    return this.#apply('unpin', args);
  }

  /** A memory failure at an offset. */
  poison(args: OpArguments<'poison', 'gmem'>): Outcome<'poison'> {
    return this.#apply('poison', args);
  }

  split(args: OpArguments<'split', 'gmem'>): Outcome<'split'> {
    return this.#apply('split', args);
  }

  merge(args: OpArguments<'merge', 'gmem'>): Outcome<'merge'> {
    return this.#apply('merge', args);
  }

  /** Closes the file; what slots still refer to lives on, nameless. */
  close(): Outcome<'close'> {
    return this.#apply('close', {});
  }

  /** What the engine knows of a range of its pages; see `engine.pages`. */
  pages(first?: number, count?: number): PageView {
    return this.engine.pages(this, first, count);
  }

  /** How many of its pages are in a state, or in all of several; see `engine.count`. */
  count(state: PageState | readonly PageState[], range?: CountRange): number {
    return this.engine.count(this, state, range);
  }
}

/** Id of a handle of this engine, or the number itself. */
export function gmemId(engine: Engine, gmem: Gmem | number): number {
  if (!(gmem instanceof Gmem)) return engine.gmem(gmem).id;
  if (gmem.engine !== engine) throw argumentError('gmem: the handle belongs to another engine');
  return gmem.id;
}
