/**
 * Conversions of random streams: of a place alone or over the next slot too, with every kind of content, and, where the
 * policy demands it, mostly back over the very range that was converted before.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { op } from './ops.js';
import type { Random } from './prng.js';
import type { Span, World } from './world.js';

/** A run of gfns. */
export interface GuestSpan extends Span {
  vm: number;
}

export function convertOp(
  random: Random,
  world: World,
  { vm, page, pages }: GuestSpan,
  isPrivate: boolean,
): RecordFields {
  world.setKind(vm, { page, pages }, isPrivate);
  if (world.setting.inPlace && !isPrivate) world.remembersTurn({ vm, page, pages });
  // By discard any content is refused; in place it decides what the page holds.
  const content = random.chance(world.setting.inPlace ? 0.5 : 0.02) ? random.pick(['zero', 'preserve']) : 'unspecified';
  const to = isPrivate ? 'private' : 'shared';
  return op('convert', { vm, gpa: page * PAGE_BYTES, size: pages * PAGE_BYTES, to, content });
}

/** What a conversion that is meant to succeed converts: `place`, or instead what turned shared before. */
export function convertible(random: Random, world: World, place: GuestSpan, isPrivate: boolean): GuestSpan {
  const { inPlace, natural } = world.setting;
  if (isPrivate && inPlace && world.turned.length > 0 && random.chance(natural ? 0.75 : 0.15)) {
    const at = random.below(world.turned.length);
    return world.turned.splice(at, 1)[0] as GuestSpan;
  }
  return random.chance(0.12) ? overNextSlot(random, world, place) : place;
}

/** The place and a part of the slot that follows its own at the next gfn, if one does. */
function overNextSlot(random: Random, world: World, place: GuestSpan): GuestSpan {
  const mine = world.slots.find(
    (slot) => slot.vm === place.vm && slot.gfn <= place.page && place.page < slot.gfn + slot.pages,
  );
  const end = mine === undefined ? 0 : mine.gfn + mine.pages;
  const next = world.slots.find((slot) => slot.vm === place.vm && slot.gfn === end);
  if (mine === undefined || next === undefined) return place;
  const beyond = random.pick([1, next.pages, 1 + random.below(next.pages)]);
  return { ...place, pages: end - place.page + beyond };
}
