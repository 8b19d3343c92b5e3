/**
 * Seeded random op streams of what a kernel without private memory can answer: few VMs, files and slots close together, so
 * that ops meet, and arguments spoiled one or two at a time, so that the order of checks shows.
 *
 * The same seed gives the same stream on every machine.
 */
import type { RecordFields } from '../ops/records.js';
import { blankFields } from '../ops/records.js';
import { xoshiro128 } from '../reference/random.js';
import { FLAG, OP_KIND, type OpName } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';

/** VMs alive at a time; a destroyed one is followed by the next number, as a number is never used again. */
const LIVE_VMS = 3;
const LAST_VM = 1022;
const FILES = 6;
const SLOTS = [0, 1, 2, 3, 4, 5, 6, 7, 32763];
/** Slot number s usually lies at one of these plus s times SLOT_STRIDE. */
const BASES = [0, 2 ** 20, 2 ** 20, 2 ** 20, 2 ** 32 - 8 * PAGE_BYTES, 2 ** 40, 2 ** 47 - 4 * PAGE_BYTES, 2 ** 51];
const SLOT_STRIDE = 16 * PAGE_BYTES;
const FILE_PAGES = [1, 2, 4, 4, 8, 16, 64, 512, 600];
const ODD_SIZES = [0, 1, -1, 4095, 4097, -4096, -8192, 2 ** 43 - 4096, 2 ** 43, 2 ** 52, 2 ** 53 - 4096];
const ODD_PLACES = [
  1,
  -1,
  4095,
  -4096,
  -8192,
  2 ** 52,
  2 ** 52 - 4096,
  2 ** 52 - 8192,
  2 ** 53 - 4096,
  -(2 ** 53) + 4096,
];
const ODD_SLOTS = [32763, 32764, 65535, 65536, 65537, 2 ** 32 - 1];
const ODD_FLAGS = [4, 5, 8, 2 ** 32, 2 ** 52, -1];
const BYTES = [1, 8, 100, 4095, 4096, 4096, 4096, 4097, 8192, 12288, 65536];

const ACCESSES = ['touch', 'guest-write', 'guest-read', 'vmm-write', 'vmm-read', 'fault'] as const;

interface Slot {
  vm: number;
  slot: number;
  gmem: number;
  gpa: number;
  size: number;
  offset: number;
}

class RandomStream {
  readonly #next: () => number;
  readonly #files = new Map<number, { vm: number; pages: number; flags: number }>();
  #slots: Slot[] = [];
  readonly #vms = [0, 1, 2];
  #newest = LIVE_VMS - 1;

  constructor(seed: number) {
    this.#next = xoshiro128(seed);
  }

  ops(count: number): RecordFields[] {
    const out: RecordFields[] = [];
    for (let gmem = 0; gmem < 3; gmem += 1) out.push(this.#create(gmem), this.#bind());
    while (out.length < count) out.push(this.#spoil(this.#op()));
    return out.slice(0, count);
  }

  #op(): RecordFields {
    const dice = this.#below(1000);
    if (dice < 70) return this.#create(this.#below(FILES));
    if (dice < 270) return this.#bind();
    if (dice < 330) return this.#unbind();
    if (dice < 400) return this.#onFile('fallocate');
    if (dice < 490) return this.#onFile('punch');
    if (dice < 620) return this.#onFile(this.#chance(0.5) ? 'host-write' : 'host-read');
    if (dice < 640) return this.#pin();
    if (dice < 965) return this.#access();
    if (dice < 997) return this.#close();
    return this.#destroy();
  }

  #create(gmem: number): RecordFields {
    const vm = this.#vm();
    const pages = this.#chance(0.03) ? this.#pick([2 ** 31, 2 ** 40 - 1]) : this.#pick(FILE_PAGES);
    const flags = this.#pick([0, 0, 1, 2, 3, 3, 3, 3]);
    if (!this.#files.has(gmem)) this.#files.set(gmem, { vm, pages, flags });
    return make('create', { gmem, vm, size: pages * PAGE_BYTES, extra: flags });
  }

  #bind(): RecordFields {
    let made = this.#candidate();
    // Mostly one that should work, so that there is something to access.
    for (let tries = 0; tries < 6 && !this.#fits(made) && this.#chance(0.85); tries += 1) made = this.#candidate();
    if (this.#fits(made)) this.#slots.push(made);
    const { vm, slot, gmem, gpa, size, offset } = made;
    return make('bind', { vm, arg: slot, gmem, address: gpa, size, extra: offset });
  }

  #candidate(): Slot {
    const gmem = this.#chance(0.95) ? this.#openFile() : this.#below(FILES + 1);
    const file = this.#files.get(gmem) ?? { vm: 0, pages: 4, flags: 0 };
    const vm = this.#chance(0.93) ? file.vm : this.#vm();
    const slot = this.#pick(SLOTS);
    const from = this.#chance(0.5) ? 0 : this.#below(Math.min(file.pages, 64));
    const left = file.pages - from;
    const pages = this.#chance(0.4) ? Math.min(left, 600) : 1 + this.#below(Math.min(left, 8));
    const gpa = this.#pick(BASES) + slot * SLOT_STRIDE + this.#below(3) * PAGE_BYTES;
    return { vm, slot, gmem, gpa, size: pages * PAGE_BYTES, offset: from * PAGE_BYTES };
  }

  /** As far as this side can tell, the bind is accepted. */
  #fits(made: Slot): boolean {
    return (
      this.#files.get(made.gmem)?.vm === made.vm &&
      this.#slots.every(
        (other) =>
          (other.vm !== made.vm || (other.slot !== made.slot && apart(other.gpa, other.size, made.gpa, made.size))) &&
          (other.gmem !== made.gmem || apart(other.offset, other.size, made.offset, made.size)),
      )
    );
  }

  #unbind(): RecordFields {
    const slot = this.#slot();
    if (this.#chance(0.8))
      this.#slots = this.#slots.filter((other) => other.vm !== slot.vm || other.slot !== slot.slot);
    const gpa = this.#chance(0.3) ? slot.gpa : this.#pick([0, 0, 0, -4096, -8192, 2 ** 52]);
    return make('bind', { vm: slot.vm, arg: slot.slot, gmem: slot.gmem, address: gpa, size: 0 });
  }

  #onFile(name: 'fallocate' | 'punch' | 'host-write' | 'host-read'): RecordFields {
    const gmem = this.#chance(0.95) ? this.#openFile() : this.#below(FILES + 1);
    const pages = Math.min(this.#files.get(gmem)?.pages ?? 4, 64);
    const page = this.#below(pages + (this.#chance(0.1) ? 3 : 0));
    if (name === 'fallocate' || name === 'punch') {
      const size = this.#chance(0.2) ? pages - page : 1 + this.#below(4);
      return make(name, { gmem, address: page * PAGE_BYTES, size: Math.max(1, size) * PAGE_BYTES });
    }
    const nudge = this.#chance(0.6) ? 0 : this.#pick([1, 100, 4095]);
    return make(name, { gmem, address: page * PAGE_BYTES + nudge, size: this.#pick(BYTES), arg: this.#below(256) });
  }

  #access(): RecordFields {
    const name = this.#pick(ACCESSES);
    const slot = this.#slot();
    const page = this.#below(Math.min(slot.size / PAGE_BYTES, 16) + (this.#chance(0.1) ? 2 : 0));
    const nudge = this.#chance(0.6) ? 0 : this.#pick([1, 100, 4095, -1]);
    const gpa = Math.max(0, slot.gpa + page * PAGE_BYTES + nudge);
    const flags = this.#chance(0.5) && (name === 'touch' || name === 'fault') ? FLAG.write : 0;
    const size = name === 'fault' ? 0 : this.#pick(BYTES);
    const arg = name.startsWith('guest') || name.startsWith('vmm') ? this.#below(256) : 0;
    return make(name, { vm: slot.vm, vcpu: this.#below(3), address: gpa, size, arg, flags });
  }

  /** References come and go a page or two at a time. */
  #pin(): RecordFields {
    const gmem = this.#openFile();
    const page = this.#below(Math.min(this.#files.get(gmem)?.pages ?? 4, 8) + 1);
    const size = this.#pick([1, 1, 2]) * PAGE_BYTES;
    return make(this.#chance(0.5) ? 'pin' : 'unpin', { gmem, address: page * PAGE_BYTES, size, arg: 1 });
  }

  #close(): RecordFields {
    const gmem = this.#openFile();
    this.#files.delete(gmem);
    return make('close', { gmem });
  }

  #destroy(): RecordFields {
    const at = this.#below(LIVE_VMS);
    const vm = this.#vms[at] as number;
    this.#slots = this.#slots.filter((slot) => slot.vm !== vm);
    if (this.#newest < LAST_VM) {
      this.#newest += 1;
      this.#vms[at] = this.#newest;
    }
    return make('destroy', { vm });
  }

  /** The first of the live ones more often than the others; seldom one that is gone. */
  #vm(): number {
    if (this.#chance(0.01)) return this.#below(this.#newest + 1);
    return this.#vms[this.#pick([0, 0, 0, 0, 1, 1, 2])] as number;
  }

  /** Now and then one argument, or two, that the kernel will not like. */
  #spoil(fields: RecordFields): RecordFields {
    let out = fields;
    for (let times = this.#chance(0.12) ? 1 + this.#below(2) : 0; times > 0; times -= 1) out = this.#spoilOne(out);
    return out;
  }

  #spoilOne(fields: RecordFields): RecordFields {
    const isBind = fields.kind === OP_KIND.bind;
    const isCreate = fields.kind === OP_KIND.create;
    switch (this.#below(4)) {
      case 0:
        return fields.kind === OP_KIND.fault ? fields : { ...fields, size: this.#pick(ODD_SIZES) };
      case 1:
        return isCreate ? { ...fields, extra: this.#pick(ODD_FLAGS) } : { ...fields, address: this.#pick(ODD_PLACES) };
      case 2:
        if (isBind) return { ...fields, arg: this.#pick(ODD_SLOTS) };
        return isCreate ? { ...fields, vm: this.#newest + 1 } : { ...fields, gmem: this.#pick([0, 5, 6, 65535]) };
      default:
        return isBind ? { ...fields, extra: this.#pick([...ODD_PLACES, 64 * PAGE_BYTES]) } : fields;
    }
  }

  #openFile(): number {
    const open = [...this.#files.keys()];
    return open.length === 0 ? this.#below(FILES) : this.#pick(open);
  }

  #slot(): Slot {
    const live = this.#slots.filter((slot) => this.#files.has(slot.gmem));
    if (live.length > 0 && this.#chance(0.85)) return this.#pick(live);
    if (this.#slots.length === 0) return { vm: 0, slot: 0, gmem: 0, gpa: 2 ** 20, size: PAGE_BYTES, offset: 0 };
    return this.#pick(this.#slots);
  }

  #below(n: number): number {
    return Math.floor((this.#next() / 2 ** 32) * n);
  }

  #chance(probability: number): boolean {
    return this.#next() < probability * 2 ** 32;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }
}

function apart(a: number, aSize: number, b: number, bSize: number): boolean {
  return a + aSize <= b || b + bSize <= a;
}

function make(name: OpName, fields: Partial<RecordFields>): RecordFields {
  return { ...blankFields(), ...fields, kind: OP_KIND[name] };
}

/** The first `count` ops of the stream of `seed` (unsigned 32-bit). */
export function randomStream(seed: number, count: number): RecordFields[] {
  return new RandomStream(seed).ops(count);
}
