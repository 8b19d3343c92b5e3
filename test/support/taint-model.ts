/**
 * What the next reader of a page must see, predicted without any engine: a byte for each quarter of every page of every
 * file, once for the gmem page and once for the shared copy. It knows who may keep bytes and who must lose them
 * (docs/semantics.md sections 6 to 10, docs/semantics-designs.md sections 18 and 19), and nothing of frames, folios, marks or
 * leaves; which pages are present it is told where that decides (a conversion leaves nothing in an absent page, punch `keep`
 * leaves pages in the file), and which private pages of a TDX guest lost their mapping, as those are lost (docs/semantics-tdx.md
 * section 23). A quarter never written reads 0.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import type { Arch, Knobs } from '../../lib/spec/knobs.js';
import { CONTENTS, CREATE_FLAG, FLAG } from '../../lib/spec/ops.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { nameOf } from './ops.js';

/** Granularity of the model; every access of a taint test is a multiple of it. */
export const QUARTER_BYTES = 1024;
const QUARTERS = PAGE_BYTES / QUARTER_BYTES;
const BLOCK_PAGES = 512;
/** What a conversion in place leaves where nobody asked for more. */
const SCRAMBLED = 0xa5;

/** Whether a page of an open file is present now. */
export type Present = (gmem: number, index: number) => boolean;

interface TaintFile {
  readonly id: number;
  readonly pages: number;
  readonly mmap: boolean;
  /** In place: kind of what was never converted, and the indexes that have the other one. */
  readonly privateAtFirst: boolean;
  readonly turned: Set<number>;
  open: boolean;
  /** Bytes by quarter of the file. */
  readonly gmem: Map<number, number>;
  readonly copies: Map<number, number>;
}

interface TaintSlot {
  readonly vm: number;
  readonly slot: number;
  readonly gfn: number;
  readonly pages: number;
  readonly index: number;
  readonly file: TaintFile;
}

/** Where an access lands: the map that holds its bytes, and the quarter in it. */
interface Home {
  bytes: Map<number, number>;
  quarter: number;
}

/** A page of an open file. */
export interface TaintPage {
  readonly gmem: number;
  readonly index: number;
}

/** Bytes an op says it moved, or pages it populated; 0 when it failed on its arguments. */
export interface Answer {
  readonly ok: boolean;
  readonly done: number;
}

export class TaintModel {
  readonly #knobs: Knobs;
  readonly #arch: Arch;
  readonly #inPlace: boolean;
  readonly #privateAtFirst: boolean;
  readonly #present: Present;
  readonly #open = new Map<number, TaintFile>();
  #slots: TaintSlot[] = [];
  /** `vm/gfn` of every gfn whose kind is not the initial one. */
  readonly #flipped = new Set<string>();

  constructor(knobs: Knobs, arch: Arch, present: Present) {
    this.#knobs = knobs;
    this.#arch = arch;
    this.#inPlace = knobs.conversion === 'in-place';
    this.#privateAtFirst = arch === 'snp' || arch === 'tdx';
    this.#present = present;
  }

  isPrivate(vm: number, gfn: number): boolean {
    if (this.#inPlace) {
      const slot = this.#slotAt(vm, gfn);
      return slot?.file.open ? privateAt(slot.file, slot.index + gfn - slot.gfn) : this.#privateAtFirst;
    }
    return this.#privateAtFirst !== this.#flipped.has(`${vm}/${gfn}`);
  }

  /** Bytes a read of [address, address + size) must return, a value a quarter; undefined where it cannot succeed. */
  expected(fields: RecordFields): (number | undefined)[] {
    return this.#quarters(fields, fields.size).map((home) => home && (home.bytes.get(home.quarter) ?? 0));
  }

  /** The private pages with bytes that an op might unmap. */
  mayUnmap(fields: RecordFields): TaintPage[] {
    const { vm, gmem, address, size } = fields;
    const from = address / PAGE_BYTES;
    const to = (address + size) / PAGE_BYTES;
    switch (nameOf(fields)) {
      case 'bind': {
        if (size !== 0) return [];
        const slots = this.#slots.filter((slot) => slot.vm === vm && slot.slot === fields.arg);
        return slots.flatMap((slot) => this.#privateHeld(slot, slot.gfn, slot.gfn + slot.pages));
      }
      case 'attributes':
      case 'convert':
        // A flip to private reaches shared leaves alone.
        if ((fields.flags & FLAG.private) !== 0) return [];
        return this.#slots.filter((slot) => slot.vm === vm).flatMap((slot) => this.#privateHeld(slot, from, to));
      case 'punch':
      case 'split':
      case 'merge': {
        const slots = this.#slots.filter(({ file }) => file.open && file.id === gmem);
        return slots.flatMap((slot) =>
          this.#privateHeld(slot, slot.gfn + from - slot.index, slot.gfn + to - slot.index),
        );
      }
      default:
        return [];
    }
  }

  /** TDX has removed the page from the guest: whoever reads it next sees zeros. */
  lose({ gmem, index }: TaintPage): void {
    const file = this.#open.get(gmem);
    if (file !== undefined) forget(file.gmem, index, index + 1);
  }

  /** Takes note of an op and its answer. */
  apply(fields: RecordFields, answer: Answer): void {
    switch (nameOf(fields)) {
      case 'guest-write':
      case 'host-write':
      case 'vmm-write': {
        const written = answer.ok ? fields.size : answer.done;
        for (const home of this.#quarters(fields, written)) home?.bytes.set(home.quarter, fields.arg);
        return;
      }
      case 'populate':
        if (answer.ok) this.#populate(fields, answer.done);
        return;
      default:
        if (answer.ok) this.#change(fields);
    }
  }

  #privateHeld(slot: TaintSlot, fromGfn: number, toGfn: number): TaintPage[] {
    const { file } = slot;
    const pages: TaintPage[] = [];
    if (!file.open) return pages;
    for (let gfn = Math.max(fromGfn, slot.gfn); gfn < Math.min(toGfn, slot.gfn + slot.pages); gfn += 1) {
      const index = slot.index + gfn - slot.gfn;
      const first = index * QUARTERS;
      const held = [0, 1, 2, 3].some((quarter) => file.gmem.has(first + quarter));
      if (held && this.isPrivate(slot.vm, gfn)) pages.push({ gmem: file.id, index });
    }
    return pages;
  }

  #change(fields: RecordFields): void {
    const isPrivate = (fields.flags & FLAG.private) !== 0;
    const gfn = fields.address / PAGE_BYTES;
    const pages = fields.size / PAGE_BYTES;
    switch (nameOf(fields)) {
      case 'create':
        this.#open.set(fields.gmem, {
          id: fields.gmem,
          pages,
          mmap: (fields.extra & CREATE_FLAG.mmap) !== 0,
          privateAtFirst: this.#privateAtFirst && (fields.extra & CREATE_FLAG['init-shared']) === 0,
          turned: new Set(),
          open: true,
          gmem: new Map(),
          copies: new Map(),
        });
        return;
      case 'bind':
        this.#bind(fields);
        return;
      case 'attributes':
        this.#setKind(fields.vm, gfn, pages, isPrivate);
        return;
      case 'convert':
        if (this.#inPlace) {
          this.#convertInPlace(fields, isPrivate);
          return;
        }
        this.#setKind(fields.vm, gfn, pages, isPrivate);
        this.#convert(fields.vm, gfn, pages, isPrivate);
        return;
      case 'punch': {
        const file = this.#open.get(fields.gmem) as TaintFile;
        this.#punch(file, fields.address / PAGE_BYTES, pages);
        return;
      }
      case 'close': {
        const file = this.#open.get(fields.gmem) as TaintFile;
        file.open = false;
        file.gmem.clear();
        this.#open.delete(fields.gmem);
        return;
      }
    }
  }

  #bind({ vm, arg: slot, address, size, extra, gmem }: RecordFields): void {
    if (size === 0) {
      this.#slots = this.#slots.filter((other) => other.vm !== vm || other.slot !== slot);
      return;
    }
    const file = this.#open.get(gmem) as TaintFile;
    const pages = size / PAGE_BYTES;
    this.#slots.push({ vm, slot, gfn: address / PAGE_BYTES, pages, index: extra / PAGE_BYTES, file });
  }

  #setKind(vm: number, gfn: number, pages: number, isPrivate: boolean): void {
    for (let at = gfn; at < gfn + pages; at += 1) {
      if (isPrivate === this.#privateAtFirst) this.#flipped.delete(`${vm}/${at}`);
      else this.#flipped.add(`${vm}/${at}`);
    }
  }

  #convert(vm: number, gfn: number, pages: number, isPrivate: boolean): void {
    for (const slot of this.#slots.filter((other) => other.vm === vm)) {
      const from = Math.max(gfn, slot.gfn);
      const to = Math.min(gfn + pages, slot.gfn + slot.pages);
      if (from >= to) continue;
      const index = slot.index + from - slot.gfn;
      if (!isPrivate && slot.file.open) this.#punch(slot.file, index, to - from, true);
      if (isPrivate && !this.#knobs.keepShared) forget(slot.file.copies, index, index + to - from);
    }
  }

  /** The pages whose kind changes: kept, or of no use any more. Zeros are promised for the others too. */
  #convertInPlace({ vm, address, size, arg }: RecordFields, isPrivate: boolean): void {
    const keep = CONTENTS[arg] === 'preserve' || (CONTENTS[arg] === 'unspecified' && this.#arch === 'pkvm');
    for (let gfn = address / PAGE_BYTES; gfn < (address + size) / PAGE_BYTES; gfn += 1) {
      const { file, ...slot } = this.#slotAt(vm, gfn) as TaintSlot;
      const index = slot.index + gfn - slot.gfn;
      const turns = privateAt(file, index) !== isPrivate;
      if (turns && !file.turned.delete(index)) file.turned.add(index);
      if (keep || (!turns && CONTENTS[arg] !== 'zero')) continue;
      forget(file.gmem, index, index + 1);
      if (CONTENTS[arg] === 'unspecified' && this.#present(file.id, index)) fill(file.gmem, index, SCRAMBLED);
    }
  }

  /** What userspace punches of [index, index + pages), by the knob vmmPunch; what stays in the file keeps its bytes. */
  #punch(file: TaintFile, index: number, pages: number, converting = false): void {
    let from = index;
    let to = Math.min(index + pages, file.pages);
    const { vmmPunch, punch, hugepages } = this.#knobs;
    if (vmmPunch === 'never') return;
    const shrinks = (vmmPunch === 'whole-folio' && hugepages !== 'off') || (punch === 'refuse' && converting);
    if (shrinks) {
      const unit = hugepages === '1G' ? BLOCK_PAGES * BLOCK_PAGES : BLOCK_PAGES;
      from = Math.ceil(from / unit) * unit;
      if (to !== file.pages) to = Math.floor(to / unit) * unit;
    }
    if (punch !== 'keep') {
      forget(file.gmem, from, to);
      return;
    }
    for (let at = from; at < to; at += 1) if (!this.#present(file.id, at)) forget(file.gmem, at, at + 1);
  }

  #populate({ vm, address, arg }: RecordFields, pages: number): void {
    for (let gfn = address / PAGE_BYTES; gfn < address / PAGE_BYTES + pages; gfn += 1) {
      const slot = this.#slotAt(vm, gfn) as TaintSlot;
      fill(slot.file.gmem, slot.index + gfn - slot.gfn, arg);
    }
  }

  /** Home of each quarter of the first `size` bytes of an access; undefined where the access cannot reach any. */
  #quarters(fields: RecordFields, size: number): (Home | undefined)[] {
    const first = fields.address / QUARTER_BYTES;
    return Array.from({ length: size / QUARTER_BYTES }, (_, i) =>
      nameOf(fields).startsWith('host') ? this.#ofFile(fields.gmem, first + i) : this.#ofGuest(fields.vm, first + i),
    );
  }

  #ofFile(gmem: number, quarter: number): Home | undefined {
    const file = this.#open.get(gmem);
    return file && { bytes: file.gmem, quarter };
  }

  #ofGuest(vm: number, quarter: number): Home | undefined {
    const gfn = Math.floor(quarter / QUARTERS);
    const slot = this.#slotAt(vm, gfn);
    if (slot === undefined) return undefined;
    const { file } = slot;
    const bytes = this.#inPlace || file.mmap || this.isPrivate(vm, gfn) ? file.gmem : file.copies;
    return { bytes, quarter: quarter + (slot.index - slot.gfn) * QUARTERS };
  }

  #slotAt(vm: number, gfn: number): TaintSlot | undefined {
    return this.#slots.find((slot) => slot.vm === vm && gfn >= slot.gfn && gfn < slot.gfn + slot.pages);
  }
}

function privateAt(file: TaintFile, index: number): boolean {
  return file.privateAtFirst !== file.turned.has(index);
}

/** Every quarter of a page holds `byte`. */
function fill(bytes: Map<number, number>, index: number, byte: number): void {
  for (let quarter = index * QUARTERS; quarter < (index + 1) * QUARTERS; quarter += 1) bytes.set(quarter, byte);
}

function forget(bytes: Map<number, number>, from: number, to: number): void {
  if ((to - from) * QUARTERS <= bytes.size) {
    for (let quarter = from * QUARTERS; quarter < to * QUARTERS; quarter += 1) bytes.delete(quarter);
    return;
  }
  for (const quarter of bytes.keys()) {
    if (quarter >= from * QUARTERS && quarter < to * QUARTERS) bytes.delete(quarter);
  }
}
