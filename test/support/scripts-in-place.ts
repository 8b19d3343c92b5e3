/**
 * Scripts that lead to what conversions in place and pools are about: ranges that go back and forth, references in the way,
 * and frames that outlive their file.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import type { Place } from './aim.js';
import { convertOp } from './conversions.js';
import { op } from './ops.js';
import type { Random } from './prng.js';
import { BLOCK } from './setting.js';
import type { File, World } from './world.js';

function guestSpan({ vm, gfn, pages }: Place): { vm: number; page: number; pages: number } {
  return { vm, page: gfn, pages };
}

/** A whole huge page turns private, a part of it shared, used, and private again: split and, with luck, merged. */
export function flip(random: Random, world: World, place: Place): RecordFields[] {
  const { unit } = world.setting;
  const { slot } = place;
  const back = Math.min(place.page - slot.index, place.page % unit);
  const first = { ...place, page: place.page - back, gfn: place.gfn - back };
  const whole = { ...first, pages: Math.min(unit, slot.index + slot.pages - first.page) };
  const from = random.pick([0, 0, Math.min(place.page - first.page, whole.pages - 1), whole.pages - 1]);
  const most = whole.pages - from;
  const pages = Math.min(most, random.pick([1, 3, BLOCK, BLOCK + 1, most]));
  const part = { ...whole, page: whole.page + from, gfn: whole.gfn + from, pages };
  const touch = (at: Place) => op('touch', { vm: at.vm, gpa: at.gfn * PAGE_BYTES });
  const toShared = convertOp(random, world, guestSpan(part), false);
  const rounds = random.between(1, 2);
  const ops = world.isPrivate(place.vm, whole.gfn) ? [] : [convertOp(random, world, guestSpan(whole), true)];
  ops.push(touch(whole));
  for (let round = 0; round < rounds; round += 1) {
    ops.push(round === 0 ? toShared : convertOp(random, world, guestSpan(part), false), touch(part));
    if (random.chance(0.3)) ops.push(op('merge', { ...inFile(whole), order: unit > BLOCK ? 18 : 9 }));
    if (random.chance(0.85)) ops.push(convertOp(random, world, guestSpan(part), true), touch(part));
  }
  return ops;
}

/** A reference on a page of what is converted, punched or split next, and gone afterwards or not. */
export function pinAndConvert(random: Random, world: World, place: Place): RecordFields[] {
  const few = { ...place, pages: Math.min(place.pages, random.pick([1, 4, BLOCK, world.setting.unit])) };
  const at = { ...few, page: few.page + random.below(few.pages), pages: 1 };
  const wasPrivate = world.isPrivate(place.vm, place.gfn);
  // The way back needs the range that turned shared: it turns here.
  const turn = wasPrivate && random.chance(0.5);
  const isPrivate = wasPrivate && !turn;
  const use = op('touch', { vm: place.vm, gpa: (few.gfn + at.page - few.page) * PAGE_BYTES });
  const speculative = isPrivate || random.chance(0.5);
  const keys = { ...inFile(at), kind: speculative ? 'speculative' : 'gup' };
  const attempts = [
    () => convertOp(random, world, guestSpan(few), !isPrivate),
    () => convertOp(random, world, guestSpan(few), !isPrivate),
    () => op('punch', inFile(few)),
    () => op('split', inFile(few)),
  ];
  const attempt = random.pick(attempts);
  const ops = turn ? [convertOp(random, world, guestSpan(few), false)] : [];
  ops.push(use, op('pin', { ...keys, tries: random.between(1, 2) }), attempt());
  if (!speculative && random.chance(0.8)) ops.push(op('unpin', keys));
  else if (!speculative) world.pins.push({ file: place.slot.file, span: at, speculative });
  return [...ops, attempt()];
}

/**
 * Frames of a file stay pinned, and perhaps poisoned, when it goes; then they are let go.
 *
 * @param close false: only a hole is punched
 */
export function orphans(random: Random, file: File, page: number, close: boolean): RecordFields[] {
  const pins = Math.min(file.pages - page, random.pick([1, 2, 3]));
  const keys = { gmem: file.id, offset: page * PAGE_BYTES, size: pins * PAGE_BYTES };
  const ops = [op('host-write', { ...keys, byte: random.below(256) }), op('pin', { ...keys, kind: 'gup' })];
  if (random.chance(0.3)) ops.push(op('poison', { gmem: file.id, offset: keys.offset }));
  if (close) ops.push(op('close', { gmem: file.id }));
  else ops.push(op('punch', { gmem: file.id, offset: 0, size: file.pages * PAGE_BYTES }));
  if (random.chance(0.85)) ops.push(op('unpin', { ...keys, kind: 'gup' }));
  return ops;
}

function inFile({ slot, page, pages }: Place): { gmem: number; offset: number; size: number } {
  return { gmem: slot.file.id, offset: page * PAGE_BYTES, size: pages * PAGE_BYTES };
}
