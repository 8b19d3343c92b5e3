/**
 * Where the next op of a random stream goes: a file, a slot, a run of pages, mostly ones where something can happen.
 */
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { slotFor } from './layouts.js';
import type { Random } from './prng.js';
import { BLOCK } from './setting.js';
import type { File, Slot, Span, World } from './world.js';

const ACCESS_BYTES = [1, 8, 4096, 4096, 4096, 100, 8192, 12288, 65536];

/** A run of file pages that lies in a slot, with the gfn it starts at. */
export interface Place extends Span {
  vm: number;
  slot: Slot;
  gfn: number;
}

/** Pages a walk page by page takes at most; small files are walked whole. */
const LONGEST_WALK_PAGES = 3 * BLOCK;

export class Aim {
  readonly #random: Random;
  readonly #world: World;

  constructor(random: Random, world: World) {
    this.#random = random;
    this.#world = world;
  }

  file(): File {
    const files = this.#world.files;
    const open = this.#world.openFiles();
    return this.#random.pick(open.length > 0 && this.#random.chance(0.97) ? open : files);
  }

  slot(): Slot {
    const { slots } = this.#world;
    const live = slots.filter((slot) => slot.file.open);
    if (slots.length === 0) return slotFor(this.#random, this.#world, this.file(), 0, 1);
    return this.#random.pick(live.length > 0 && this.#random.chance(0.95) ? live : slots);
  }

  place(): Place {
    const slot = this.slot();
    const skew = this.#random.chance(0.5) ? 0 : slot.gfn - slot.index;
    const window = { page: slot.index, pages: slot.pages };
    const { page, pages } = this.#world.span(this.#random, slot.file, window, skew);
    return { vm: slot.vm, slot, page, pages, gfn: slot.gfn + page - slot.index };
  }

  /** A place for ops that take a step a page. */
  shortPlace(): Place {
    const place = this.place();
    return { ...place, pages: Math.min(place.pages, LONGEST_WALK_PAGES) };
  }

  /** A place whose first gfn is, as far as is known, of this kind; after a few tries any. */
  placeOfKind(isPrivate: boolean): Place {
    for (let tries = 0; tries < 5; tries += 1) {
      const place = this.place();
      if (this.#world.isPrivate(place.vm, place.gfn) === isPrivate) return place;
    }
    return this.place();
  }

  /** The part of a block of gfns that lies in a slot. */
  block(): Place {
    const place = this.place();
    const start = Math.max(place.slot.gfn, place.gfn - (place.gfn % BLOCK));
    const left = place.slot.gfn + place.slot.pages - start;
    return { ...place, gfn: start, page: place.page - (place.gfn - start), pages: Math.min(BLOCK, left) };
  }

  /** A block that could be mapped at 2M, after a few tries any. */
  wholeBlock(): Place {
    for (let tries = 0; tries < 8; tries += 1) {
      const block = this.block();
      if (block.pages === BLOCK && block.page % BLOCK === 0 && block.gfn % BLOCK === 0) return block;
    }
    return this.block();
  }

  /** Keys of a range of gfns, in bytes. */
  at(place: { vm: number; gfn: number; pages: number }, overhang = 0): { vm: number; gpa: number; size: number } {
    return { vm: place.vm, gpa: place.gfn * PAGE_BYTES, size: place.pages * PAGE_BYTES + overhang };
  }

  /** Keys of a range of a file, in bytes; now and then it ends beyond the file. */
  fileRange(preferMmap = false): { gmem: number; offset: number; size: number } {
    const mapped = preferMmap ? this.#world.openFiles().filter((file) => file.mmap) : [];
    const file = mapped.length > 0 && this.#random.chance(0.85) ? this.#random.pick(mapped) : this.file();
    const slots = this.#world.slotsOf(file);
    const slot =
      slots.length > 0 &&
      this.#random.chance(file.pages > 8 * this.#world.setting.unit ? 0.95 : 0.5) &&
      this.#random.pick(slots);
    const window = slot ? { page: slot.index, pages: slot.pages } : { page: 0, pages: file.pages };
    const { page, pages } = this.#world.span(this.#random, file, window);
    const beyond = this.#random.chance(0.03) ? PAGE_BYTES * this.#random.pick([1, BLOCK]) : 0;
    return { gmem: file.id, offset: page * PAGE_BYTES, size: pages * PAGE_BYTES + beyond };
  }

  /** Bytes an access starts off a page boundary. */
  nudge(): number {
    return this.#random.chance(0.6) ? 0 : this.#random.pick([1, 4095, 100, -1]);
  }

  accessBytes(): number {
    return this.#random.chance(0.02) ? 2 ** 21 : this.#random.pick(ACCESS_BYTES);
  }
}
