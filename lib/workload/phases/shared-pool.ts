/** Shared memory out of one aligned pool instead of all over the guest: the guest-side answer to splits. */
import { address, choice, share, size } from '../keys.js';
import { ceilTo, PLACES } from '../memory.js';
import { claim, convertRange, definePhase } from '../phase.js';
import { MIB } from './touching.js';

/** Part of memory, rounded up to the alignment, at most `most`. */
export function poolBytes(memoryBytes: number, part: number, most: number, align: number): number {
  return Math.max(align, Math.min(Math.floor(most / align) * align, ceilTo(memoryBytes * part, align)));
}

export const SHARED_POOL = definePhase(
  'shared-pool',
  'All shared memory comes from one pool, aligned and contiguous, made shared in whole pieces and never given back.',
  {
    size: size(4096).optional().describe('Its size; without it, from the two keys below.'),
    share: share()
      .prefault('8%')
      .describe('Part of the memory of the guest; how much is enough is not known, so sweep it.'),
    most: size(4096).prefault('1280MiB').describe('At most this.'),
    align: size(4096).prefault('2MiB').describe('Alignment of its begin and its size.'),
    at: address(4096).optional().describe('Where it lies.'),
    place: choice(PLACES).default('high').describe('Where it lies when there is no address.'),
    exit: size(4096).prefault('2MiB').describe('Memory converted by one exit.'),
  },
  (keys, context) => {
    const bytes = ceilTo(
      keys.size ?? poolBytes(context.guest.memory.bytes, keys.share, keys.most, keys.align),
      keys.align,
    );
    const at = claim(context, bytes, Math.max(keys.align, 2 * MIB), keys.at, keys.place);
    return (out) => convertRange(out, 0, at, bytes, 'shared', keys.exit, 'shared_pool');
  },
);
