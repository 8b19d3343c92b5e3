/**
 * Scripts around launches of TDX guests, and around mappings that grow again: a split folio mapped page by page, merged now
 * or after a quiet while, its leaves promoted.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import { QUIET_OPS } from '../../lib/reference/deferred-merges.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import type { Place } from './aim.js';
import { convertOp } from './conversions.js';
import { op } from './ops.js';
import type { Random } from './prng.js';
import { BLOCK, type Setting } from './setting.js';
import type { World } from './world.js';

/**
 * Pages are populated, and the VM is finalized, but for a few that are forgotten: between the two nothing of it runs. In
 * place what was shared may keep its content on the way.
 */
export function launch(random: Random, world: World, vm: number): RecordFields[] {
  const ops: RecordFields[] = [];
  const slots = world.slots.filter((slot) => slot.vm === vm && slot.file.open);
  for (const slot of slots.slice(0, 3)) {
    const { page, pages } = world.span(random, slot.file, { page: slot.index, pages: slot.pages });
    const gfn = slot.gfn + page - slot.index;
    const range = { vm, gpa: gfn * PAGE_BYTES, size: Math.min(pages, 2 * BLOCK) * PAGE_BYTES };
    const turns = world.setting.inPlace && !world.isPrivate(vm, gfn);
    if (turns) {
      world.setKind(vm, { page: gfn, pages: Math.min(pages, 2 * BLOCK) }, true);
      ops.push(op('convert', { ...range, to: 'private', content: random.pick(['preserve', 'unspecified']) }));
    }
    ops.push(op('populate', { ...range, fill: random.below(256), source: random.chance(0.05) ? 'absent' : 'present' }));
    if (random.chance(0.2)) ops.push(op('populate', { ...range, fill: 1 }));
    if (random.chance(0.15)) ops.push(op(random.pick(['touch', 'guest-read', 'validate']), range));
    if (random.chance(0.1)) ops.push(op('fault', { vm, gpa: range.gpa, access: 'private' }));
  }
  if (random.chance(0.95)) ops.push(op('finalize', { vm }));
  return ops;
}

/** So many cheap ops that whatever waits for a deferred merge is due, and a few more or less. */
export function quiet(random: Random, { hugepages }: Setting): RecordFields[] {
  const idle = op('set', { key: 'hugepages', value: hugepages });
  return Array.from({ length: QUIET_OPS + random.pick([-1, 0, 1, 5]) }, () => idle);
}

/**
 * A block of private memory in small folios, all of it mapped, perhaps accepted in part, becomes huge again. How its folio is
 * split depends on what the policy splits: a conversion there and back, or an explicit split before anything is mapped.
 */
export function regrow(random: Random, world: World, block: Place): RecordFields[] {
  const { inPlace, deferred, giant } = world.setting;
  const { vm, slot, gfn, page, pages } = block;
  const gmem = slot.file.id;
  const whole = { vm, gpa: gfn * PAGE_BYTES, size: pages * PAGE_BYTES };
  const inFile = { gmem, offset: page * PAGE_BYTES, size: pages * PAGE_BYTES };
  const one = { vm, page: gfn + random.below(pages), pages: 1 };
  const there = () => convertOp(random, world, one, false);
  const back = () => convertOp(random, world, one, true);
  const ops: RecordFields[] = [];
  if (!world.isPrivate(vm, gfn)) ops.push(convertOp(random, world, { vm, page: gfn, pages }, true));
  ops.push(op('fallocate', inFile));
  if (inPlace && (deferred || random.chance(0.4))) ops.push(there(), back());
  else ops.push(op('split', { ...inFile, order: 0 }));
  ops.push(op('touch', whole));
  const at = gfn + random.below(pages);
  const accept = { vm, gpa: at * PAGE_BYTES, size: PAGE_BYTES };
  if (random.chance(0.35)) ops.push(op('validate', accept));
  if (deferred && random.chance(0.8)) ops.push(...quiet(random, world.setting));
  else ops.push(op('merge', { ...inFile, order: giant && random.chance(0.3) ? 18 : 9 }));
  const uses = [
    op('validate', accept),
    op('guest-read', { ...accept, size: 8 }),
    op('touch', whole),
    op('fault', { vm, gpa: accept.gpa, access: 'private' }),
    op('punch', { gmem, offset: (page + at - gfn) * PAGE_BYTES, size: PAGE_BYTES }),
  ];
  ops.push(random.pick(uses), random.pick(uses));
  if (random.chance(0.4)) ops.push(there());
  return ops;
}
