/**
 * The actions of a random stream: each makes one op, or a short script of ops, aimed with the help of the world.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import { SWITCHES } from '../../lib/spec/knobs.js';
import { CREATE_FLAG } from '../../lib/spec/ops.js';
import { MOST_BUSY_ATTEMPTS, RMP_ATTEMPTS } from '../../lib/spec/rmp.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { Aim, type Place } from './aim.js';
import { convertible, convertOp } from './conversions.js';
import { spoiled } from './hostile.js';
import { filePages, slotFor, slotsFor } from './layouts.js';
import { op } from './ops.js';
import type { Random } from './prng.js';
import type { Action, Profile } from './profiles.js';
import { halfPrepared } from './scripts.js';
import { flip, orphans, pinAndConvert } from './scripts-in-place.js';
import { launch, quiet, regrow } from './scripts-tdx.js';
import { BLOCK, type Setting } from './setting.js';
import { type Slot, World } from './world.js';

/** Pages one pin op takes at most. */
const MOST_PINS = 600;
/** VMs a stream launches at most. */
const MOST_VMS = 12;
/** Of actions that are costly where huge pages are of 1G, this part is left. */
const SPARED = 0.25;

export class Actions {
  readonly #random: Random;
  readonly #profile: Profile;
  readonly #setting: Setting;
  readonly #world: World;
  readonly #aim: Aim;

  constructor(random: Random, profile: Profile, setting: Setting) {
    this.#random = random;
    this.#profile = profile;
    this.#setting = setting;
    this.#world = new World(setting);
    this.#aim = new Aim(random, this.#world);
    this.#world.vms = random.pick([[0], [0], [0, 1], [0, 1, 2], [0, 1022]]);
  }

  /** Files and slots to begin with. */
  opening(): RecordFields[] {
    const files = this.#random.between(1, 4);
    const ops: RecordFields[] = [];
    // Regions of 1G matter only to an allocator that has several and finds them broken.
    if (this.#setting.roomy && this.#random.chance(0.6)) ops.push(...this.make('pressure'));
    for (let id = 0; id < files || this.#world.files.length === 0; id += 1) ops.push(...this.#newFile(id));
    if (this.#setting.arch === 'tdx') {
      for (const vm of this.#world.vms)
        if (this.#random.chance(0.6)) ops.push(...launch(this.#random, this.#world, vm));
    }
    return ops;
  }

  make(action: Action): RecordFields[] {
    return this.#make(action).map((fields) => spoiled(this.#random, fields, this.#profile.hostile));
  }

  #make(action: Action): RecordFields[] {
    const random = this.#random;
    switch (action) {
      case 'touch': {
        const place = this.#aim.shortPlace();
        const span = random.chance(0.7) ? { ...place, pages: 1 } : place;
        const overhang = random.chance(0.05) ? random.pick([PAGE_BYTES, 2 ** 21]) : 0;
        return [op('touch', { ...this.#aim.at(span, overhang), write: random.chance(0.5), vcpu: random.below(3) })];
      }
      case 'fault': {
        const place = this.#aim.place();
        const asPrivate = this.#world.isPrivate(place.vm, place.gfn) === random.chance(0.88);
        const { vm, gpa } = this.#aim.at(place);
        const access = asPrivate ? 'private' : 'shared';
        const map = random.chance(0.85);
        return [op('fault', { vm, gpa: gpa + random.pick([0, 0, 7]), access, write: random.chance(0.5), map })];
      }
      case 'convert': {
        const isPrivate = random.chance(0.5);
        const span = convertible(random, this.#world, guestSpan(this.#aim.place()), isPrivate);
        return [convertOp(random, this.#world, span, isPrivate)];
      }
      case 'attributes': {
        const place = this.#aim.place();
        const isPrivate = random.chance(0.5);
        this.#world.setKind(place.vm, { page: place.gfn, pages: place.pages }, isPrivate);
        return [op('attributes', { ...this.#aim.at(place), to: isPrivate ? 'private' : 'shared' })];
      }
      case 'giant-attributes': {
        const gpa = random.pick([0, 2 ** 21, 2 ** 40, PAGE_BYTES]);
        const size = random.pick([2 ** 41, 2 ** 46 + PAGE_BYTES, 2 ** 51]);
        const isPrivate = random.chance(0.5);
        const vm = random.pick(this.#world.vms);
        this.#world.setKind(vm, { page: gpa / PAGE_BYTES, pages: size / PAGE_BYTES }, isPrivate);
        const to = isPrivate ? 'private' : 'shared';
        return [op(random.chance(0.8) ? 'attributes' : 'convert', { vm, gpa, size, to })];
      }
      case 'fallocate':
      case 'punch':
        return [op(action, this.#aim.fileRange())];
      case 'split':
      case 'merge': {
        const giant = this.#setting.giant ? 40 : 0;
        const order = random.weighted(
          action === 'split' ? { 0: 90, 9: 6 + giant, 18: 3, 4: 1 } : { 0: 8, 9: 88, 18: 3 + 2 * giant, 4: 1 },
        );
        return [op(action, { ...this.#aim.fileRange(), order: Number(order) })];
      }
      case 'populate': {
        // A TDX guest that has run takes no more pages: mostly another one is launched instead.
        if (this.#setting.arch === 'tdx' && random.chance(0.8)) return this.#make(random.pick(['launch', 'touch']));
        const place = this.#aim.shortPlace();
        const source = random.chance(0.08) ? 'absent' : 'present';
        return [op('populate', { ...this.#aim.at(place), fill: random.below(256), source })];
      }
      case 'validate': {
        if (this.#setting.arch === 'none' && random.chance(0.9)) return this.#make('touch');
        const place = this.#aim.placeOfKind(true);
        const gfn = random.chance(0.4) ? Math.max(0, place.gfn - (place.gfn % BLOCK)) : place.gfn;
        const size = random.chance(0.6) ? PAGE_BYTES : 2 ** 21;
        return [op('validate', { vm: place.vm, vcpu: random.below(3), gpa: gfn * PAGE_BYTES, size })];
      }
      case 'finalize': {
        const done = op('finalize', { vm: random.pick(this.#world.vms) });
        return random.chance(0.3) ? [done, done] : [done];
      }
      case 'destroy':
        return [op('destroy', { vm: random.pick(this.#world.vms) })];
      case 'guest-write':
      case 'guest-read':
        return [op(action, { ...this.#access(action === 'guest-read', this.#aim.place()), byte: random.below(256) })];
      case 'vmm-write':
      case 'vmm-read': {
        const shared = this.#aim.placeOfKind(false);
        return [op(action, { ...this.#access(action === 'vmm-read', shared), byte: random.below(256) })];
      }
      case 'host-write':
      case 'host-read': {
        const { gmem, offset } = this.#aim.fileRange(true);
        const byte = random.below(256);
        return [op(action, { gmem, offset: offset + this.#aim.nudge(), size: this.#aim.accessBytes(), byte })];
      }
      case 'pin':
        return [this.#pin()];
      case 'unpin':
        return [this.#unpin()];
      case 'poison': {
        if (this.#setting.giant && !random.chance(SPARED)) return this.#make('touch');
        const { gmem, offset } = this.#aim.fileRange();
        return [op('poison', { gmem, offset })];
      }
      case 'set':
        if (random.chance(this.#setting.arch === 'snp' ? 0.5 : 0.05)) return [busyRmp(random)];
        return [op('set', { key: 'hugepages', value: random.pick(SWITCHES.hugepages) })];
      case 'pressure': {
        const order = Number(random.weighted({ 9: 72, 18: 15, 0: 8, 1: 5 }));
        const free = random.below(order === 0 || this.#setting.roomy ? random.pick([3, 600, 1200]) : 6);
        return [op('pressure', { order, free, seed: random.chance(0.1) ? -1 : random.below(2 ** 33) })];
      }
      case 'create':
        return [this.#create(random.below(6))];
      case 'bind-new': {
        const file = this.#aim.file();
        const { page, pages } = this.#world.span(random, file, { page: 0, pages: file.pages });
        return [this.#bind(this.#added(slotFor(random, this.#world, file, page, pages)))];
      }
      case 'unbind':
        return [this.#unbind(this.#aim.slot())];
      case 'rebind': {
        const slot = this.#aim.slot();
        const { file, index, pages } = slot;
        const moved = slotFor(random, this.#world, file, index, pages);
        const target = random.chance(0.3) ? { ...slot } : { ...moved, slot: slot.slot };
        return [this.#unbind(slot), this.#bind(this.#added(target))];
      }
      case 'close': {
        const file = this.#aim.file();
        file.open = false;
        return [op('close', { gmem: file.id })];
      }
      case 'recreate': {
        const file = this.#aim.file();
        const slots = this.#world.slotsOf(file);
        const unbinds = random.chance(0.8) ? slots.map((slot) => this.#unbind(slot)) : [];
        file.open = false;
        const close = op('close', { gmem: file.id });
        const first = random.chance(0.5) ? [close, ...unbinds] : [...unbinds, close];
        return [...first, ...this.#newFile(file.id)];
      }
      case 'boot-block': {
        const place = this.#aim.block();
        const at = this.#aim.at(place);
        const size = random.pick([PAGE_BYTES, 2 ** 21]);
        const fill = random.below(256);
        const accept = op('validate', { vm: place.vm, gpa: at.gpa, size });
        const first = random.chance(0.6) ? op('touch', { vm: place.vm, gpa: at.gpa }) : op('populate', { ...at, fill });
        return [first, accept, op('guest-write', { vm: place.vm, gpa: at.gpa, size: 8192, byte: fill })];
      }
      case 'convert-and-back': {
        const place = this.#aim.place();
        const isPrivate = !this.#world.isPrivate(place.vm, place.gfn);
        const walked = random.chance(0.6) ? 1 : Math.min(place.pages, this.#aim.shortPlace().pages);
        const use = op('touch', this.#aim.at({ ...place, pages: walked }));
        const span = guestSpan(place);
        const there = convertOp(random, this.#world, span, isPrivate);
        return [there, use, convertOp(random, this.#world, span, !isPrivate), use];
      }
      case 'split-and-merge': {
        const { gmem, offset } = this.#aim.fileRange();
        const start = Math.max(0, offset - (offset % 2 ** 21));
        const block = { gmem, offset: start, size: 2 ** 21 };
        const page = { gmem, offset: start + random.pick([0, 1, 300, 511]) * PAGE_BYTES, size: PAGE_BYTES };
        const beside = random.chance(0.2) ? Math.max(0, start + random.pick([-1, BLOCK]) * PAGE_BYTES) : page.offset;
        const kind = random.chance(0.7) ? 'speculative' : 'gup';
        const pin = random.chance(0.4) ? [op('pin', { ...page, offset: beside, kind, tries: random.below(3) })] : [];
        const unpin = pin.length > 0 && random.chance(0.5) ? [op('unpin', { ...page, offset: beside, kind })] : [];
        const split = random.pick([op('split', block), op('split', page), op('punch', page)]);
        const merge = op('merge', { ...block, order: 9 });
        const fill = op('fallocate', block);
        return random.chance(0.5) ? [fill, split, ...pin, merge, ...unpin] : [fill, ...pin, split, ...unpin, merge];
      }
      case 'poison-and-back': {
        const { gmem, offset } = this.#aim.fileRange();
        const bytes = this.#setting.unit * PAGE_BYTES;
        const start = Math.max(0, offset - (offset % bytes));
        const block = { gmem, offset: start, size: bytes };
        const fill = op('fallocate', block);
        return [
          fill,
          op('poison', { gmem, offset: start + random.below(this.#setting.unit) * PAGE_BYTES }),
          op('punch', block),
          fill,
        ];
      }
      case 'half-prepared':
        return halfPrepared(random, random.pick(this.#world.vms), this.#setting);
      case 'flip':
        return flip(random, this.#world, this.#aim.place());
      case 'pin-and-convert':
        return pinAndConvert(random, this.#world, this.#aim.place());
      case 'orphans': {
        const mapped = this.#world.openFiles().filter((file) => file.mmap);
        const file = mapped.length > 0 ? random.pick(mapped) : this.#aim.file();
        const { page } = this.#world.span(random, file, { page: 0, pages: file.pages });
        const close = random.chance(0.5);
        const ops = orphans(random, file, page, close);
        if (!close) return ops;
        file.open = false;
        return [...ops, ...this.#newFile(file.id)];
      }
      case 'launch':
        return this.#setting.arch === 'tdx' ? this.#launchNext() : this.#make('populate');
      case 'regrow':
        return regrow(random, this.#world, this.#aim.wholeBlock());
      case 'quiet':
        return this.#setting.deferred ? quiet(random, this.#setting) : this.#make('convert-and-back');
      case 'wrapping-bind': {
        const size = random.pick([0, PAGE_BYTES, 2 ** 21]);
        const below = random.pick([-PAGE_BYTES, -size, -size - PAGE_BYTES, -(2 ** 21)]) + 0;
        const place = random.chance(0.5) ? { gpa: below, offset: 0 } : { gpa: 2 ** 30, offset: below };
        const file = this.#aim.file();
        return [op('bind', { vm: file.vm, slot: random.below(12), size, gmem: random.pick([file.id, 7]), ...place })];
      }
    }
  }

  /** A VM nobody has used yet, with a file in place of another: populated, finalized. */
  #launchNext(): RecordFields[] {
    const { vms } = this.#world;
    const vm = vms.length < MOST_VMS ? vms.length + 10 : this.#random.pick(vms);
    if (!vms.includes(vm)) vms.push(vm);
    const id = this.#random.below(6);
    const taken = this.#world.files.find((file) => file.id === id && file.open);
    const ops = taken === undefined ? [] : [op('close', { gmem: id })];
    if (taken !== undefined) taken.open = false;
    return [...ops, ...this.#newFile(id, vm), ...launch(this.#random, this.#world, vm)];
  }

  /** Keys of a guest or VMM access; a read goes to what was written lately, more often than not. */
  #access(read: boolean, place: Place): { vm: number; gpa: number; size: number } {
    const { written } = this.#world;
    if (read && written.length > 0 && this.#random.chance(0.6)) return this.#random.pick(written);
    const { vm, gpa } = this.#aim.at(place);
    const access = { vm, gpa: gpa + this.#aim.nudge(), size: this.#aim.accessBytes() };
    if (!read) this.#world.remember(place.slot.file, place.page);
    if (!read) this.#world.wrote(access);
    return access;
  }

  #pin(): RecordFields {
    const file = this.#aim.file();
    const range = this.#aim.fileRange();
    const most = this.#random.chance(0.8) ? this.#random.pick([1, 1, 3]) : MOST_PINS;
    const few = Math.min(range.size, most * PAGE_BYTES);
    const speculative = this.#random.chance(0.5);
    const span = { page: range.offset / PAGE_BYTES, pages: few / PAGE_BYTES };
    const target = this.#world.files.findLast((other) => other.id === range.gmem) ?? file;
    this.#world.pins.push({ file: target, span, speculative });
    const tries = this.#random.pick([0, 1, 1, 2, 3]);
    return op('pin', { ...range, size: few, kind: speculative ? 'speculative' : 'gup', tries });
  }

  #unpin(): RecordFields {
    const { pins } = this.#world;
    if (pins.length === 0 || this.#random.chance(0.1)) {
      return op('unpin', { ...this.#aim.fileRange(), kind: this.#random.pick(['gup', 'speculative']) });
    }
    const [pin] = pins.splice(this.#random.below(pins.length), 1) as [(typeof pins)[number]];
    const { file, span, speculative } = pin;
    const kind = speculative ? 'speculative' : 'gup';
    return op('unpin', { gmem: file.id, offset: span.page * PAGE_BYTES, size: span.pages * PAGE_BYTES, kind });
  }

  #newFile(id: number, vm?: number): RecordFields[] {
    const create = this.#create(id, vm);
    const file = this.#world.files.findLast((other) => other.id === id && other.open);
    if (file === undefined) return [create];
    const slots = slotsFor(this.#random, this.#world, file);
    const binds = slots.map((slot) => this.#bind(slot));
    // In place what nobody converted stays as it is: without this little would ever be private on none and pkvm.
    const { inPlace, privateAtFirst } = this.#setting;
    const startsShared = inPlace && (file.initShared || !privateAtFirst);
    if (!startsShared || this.#random.chance(0.3)) return [create, ...binds];
    const turned = slots.map(({ vm, gfn, pages }) =>
      convertOp(this.#random, this.#world, { vm, page: gfn, pages }, true),
    );
    return [create, ...binds, ...turned];
  }

  #create(id: number, vm = this.#random.pick(this.#world.vms)): RecordFields {
    const random = this.#random;
    const pages = filePages(random, this.#setting, this.#world.poolFree());
    const flags = this.#flags();
    const takesFlags = this.#setting.inPlace || this.#setting.arch === 'none';
    const known = (flags & ~(CREATE_FLAG.mmap | CREATE_FLAG['init-shared'])) === 0;
    const { poolPages, unit } = this.#setting;
    const fits = poolPages === undefined || (pages % unit === 0 && pages <= this.#world.poolFree());
    // A host whose pool holds nothing: the stream is about a file that is not there.
    const believed = id >= 4 && this.#world.files.length === 0;
    const supported = known && (fits || believed) && (takesFlags || flags === 0);
    const taken = this.#world.files.some((file) => file.id === id && file.open);
    if (supported && !taken) {
      const mmap = (flags & CREATE_FLAG.mmap) !== 0;
      this.#world.files.push({
        id,
        vm,
        pages,
        mmap,
        initShared: (flags & CREATE_FLAG['init-shared']) !== 0,
        open: true,
      });
    }
    return op('create', { gmem: id, vm, size: pages * PAGE_BYTES, flags });
  }

  #flags(): number {
    const random = this.#random;
    if (random.chance(0.02)) return random.pick([4, 3, 2, 1, 8, 2 ** 32, 2 ** 53 - 1, 5]);
    if (this.#setting.inPlace) {
      const mmap = random.chance(this.#profile.mmap + 0.25) ? CREATE_FLAG.mmap : 0;
      return mmap | (random.chance(0.3) ? CREATE_FLAG['init-shared'] : 0);
    }
    if (this.#setting.arch !== 'none' || !random.chance(this.#profile.mmap)) return 0;
    return random.chance(0.8) ? CREATE_FLAG.mmap | CREATE_FLAG['init-shared'] : CREATE_FLAG.mmap;
  }

  #added(slot: Slot): Slot {
    this.#world.slots.push(slot);
    return slot;
  }

  #bind({ vm, slot, gfn, pages, file, index }: Slot): RecordFields {
    const sizes = { gpa: gfn * PAGE_BYTES, size: pages * PAGE_BYTES, offset: index * PAGE_BYTES };
    return op('bind', { vm, slot, gmem: file.id, ...sizes });
  }

  #unbind(slot: Slot): RecordFields {
    this.#world.slots = this.#world.slots.filter((other) => other !== slot);
    return op('bind', { vm: slot.vm, slot: slot.slot, gmem: slot.file.id, size: 0 });
  }
}

/** So that an update is tried again, given up, or given up half-way through an op of many. */
function busyRmp(random: Random): RecordFields {
  const value = random.pick([0, 1, RMP_ATTEMPTS - 1, RMP_ATTEMPTS, RMP_ATTEMPTS + 1, 40, 200, MOST_BUSY_ATTEMPTS]);
  const after = random.chance(0.5) ? 0 : random.pick([1, 2, 5, 40, BLOCK - 1, BLOCK, 600, MOST_BUSY_ATTEMPTS]);
  return op('set', { key: 'rmp-busy', value, after });
}

function guestSpan({ vm, gfn, pages }: Place): { vm: number; page: number; pages: number } {
  return { vm, page: gfn, pages };
}
