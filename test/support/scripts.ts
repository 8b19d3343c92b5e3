/**
 * Longer scripts of random streams, on a file and at addresses of their own.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { op } from './ops.js';
import type { Random } from './prng.js';
import { BLOCK, type Setting } from './setting.js';

const GMEM = 9;
const SLOT = 20;
const BLOCK_BYTES = BLOCK * PAGE_BYTES;
const GPA = 2 ** 45;

/**
 * A folio of which a narrow slot has prepared a part meets a slot that covers it whole, at the same gfns or at others:
 * populate and faults of the block find some pages marked or assigned and some not. The file is closed in the end.
 */
export function halfPrepared(random: Random, vm: number, { inPlace, unit }: Setting): RecordFields[] {
  const page = random.pick([0, 1, 255, 511]);
  const pages = Math.min(BLOCK - page, random.pick([1, 3, 511]));
  const part = { vm, gpa: GPA + page * PAGE_BYTES, size: pages * PAGE_BYTES };
  const away = random.chance(0.7) ? 0 : BLOCK_BYTES;
  const whole = { vm, gpa: GPA + away, size: BLOCK_BYTES };
  const uses = [
    op('populate', { ...whole, fill: 7 }),
    op('touch', whole),
    op('fault', { vm, gpa: whole.gpa, access: 'private' }),
    op('validate', { vm, gpa: whole.gpa, size: BLOCK_BYTES }),
    op('guest-read', { vm, gpa: whole.gpa, size: BLOCK_BYTES }),
  ];
  // By discard kinds are the VM's; in place they are the file's, once it is bound.
  const privateByVm = inPlace ? [] : [op('attributes', { vm, gpa: GPA, size: 2 * BLOCK_BYTES, to: 'private' })];
  const privateByFile = inPlace ? [op('convert', { ...part, to: 'private' })] : [];
  return [
    op('create', { gmem: GMEM, vm, size: unit * PAGE_BYTES }),
    ...privateByVm,
    op('bind', { ...part, slot: SLOT, gmem: GMEM, offset: page * PAGE_BYTES }),
    ...privateByFile,
    random.chance(0.5) ? op('touch', part) : op('populate', { ...part, fill: 9 }),
    op('bind', { vm, slot: SLOT, size: 0, gmem: GMEM }),
    op('bind', { ...whole, slot: SLOT, gmem: GMEM }),
    random.pick(uses),
    random.pick(uses),
    op('bind', { vm, slot: SLOT, size: 0, gmem: GMEM }),
    op('close', { gmem: GMEM }),
  ];
}
