/** Memory given back to the host in holes, and taken again: balloon, free page reporting, memory hot-unplug. */
import { address, choice, count, share, size } from '../keys.js';
import { PLACES } from '../memory.js';
import { claim, definePhase } from '../phase.js';

export const BALLOON = definePhase(
  'balloon',
  'Holes are punched into memory that was in use, and part of them is touched again.',
  {
    size: size(4096).prefault('256MiB').describe('Memory the holes lie in; it is touched first.'),
    block: size(4096).prefault('4KiB').describe('Size and alignment of a hole.'),
    holes: share().prefault('50%').describe('Part of the blocks that is punched, in random order.'),
    refilled: share().prefault('50%').describe('Part of the holes that is touched again afterwards.'),
    times: count(1, 1e6).default(1).describe('How often all this happens.'),
    at: address(4096).optional().describe('Where the memory lies.'),
    place: choice(PLACES).default('high').describe('Where it lies when there is no address.'),
  },
  (keys, context) => {
    if (keys.size % keys.block !== 0) context.problem('size', 'accepted: a multiple of block');
    const blocks = Math.max(1, Math.floor(keys.size / keys.block));
    if (blocks > 2 ** 24) context.problem('block', `makes ${blocks} blocks, accepted: at most ${2 ** 24}`);
    const at = claim(context, keys.size, Math.max(keys.block, 2 ** 21), keys.at, keys.place);
    const { memory, vcpus } = context.guest;
    return function* (out, random) {
      const holes = Math.round(blocks * keys.holes);
      const refilled = Math.round(holes * keys.refilled);
      const order = Uint32Array.from({ length: blocks }, (_, i) => i);
      for (let time = 0; time < keys.times; time += 1) {
        for (let block = 0; block < blocks; block += 1) {
          if (out.full) yield;
          out.touch(block % vcpus, at + block * keys.block, keys.block);
        }
        for (let i = 0; i < holes; i += 1) {
          const j = i + random.below(blocks - i);
          [order[i], order[j]] = [order[j] as number, order[i] as number];
          if (out.full) yield;
          out.punch(memory.offsetOf(at + (order[i] as number) * keys.block), keys.block);
        }
        for (let i = 0; i < refilled; i += 1) {
          if (out.full) yield;
          out.touch(random.below(vcpus), at + (order[i] as number) * keys.block, keys.block);
        }
      }
    };
  },
);
