/**
 * The kernel's coherent DMA buffers, and buffers that only firmware or a driver's probe needs.
 *
 * Measured on the recorded guests: 334 to 360 allocations in 21 to 29 blocks of 2 MiB in 53 to 66 seconds; 9 to 14 of the
 * blocks become wholly private again; over half of the buffers are freed; 16 of 28 new blocks lie beside another one.
 */
import { address, choice, count, share, size } from '../keys.js';
import { FIRST_FREE, PLACES } from '../memory.js';
import { definePhase, type PlanContext, type Planned } from '../phase.js';
import { type BufferPlan, planBuffers } from './buffers.js';

const WINDOW = {
  at: address(4096).optional().describe('Begin of the window the blocks lie in; without it, the begin of its place.'),
  place: choice(PLACES).default('high').describe('Where the window lies when there is no address.'),
  window: size(2 ** 21)
    .prefault('1088MiB')
    .describe('Size of the window.'),
  locality: share().prefault('57%').describe('Chance that the next block is the neighbour of the last one.'),
};

interface WindowKeys extends Omit<BufferPlan, 'at'> {
  at?: number | undefined;
  place: (typeof PLACES)[number];
}

function planWindow(keys: WindowKeys, source: string, context: PlanContext): Planned {
  const region = context.guest.memory.region(keys.place);
  const begin = Math.max(region.start, FIRST_FREE);
  const at = keys.at ?? (keys.place.endsWith('-top') ? Math.max(begin, region.end - keys.window) : begin);
  return planBuffers({ ...keys, at, window: Math.min(keys.window, region.end - at) }, source, context);
}

export const DMA_BUFFERS = definePhase(
  'dma-buffers',
  'Scattered coherent DMA buffers of 4K to 64K with locality: allocated shared, in part freed again.',
  {
    ...WINDOW,
    blocks: count(1, 1e6).default(29).describe('Blocks of 2 MiB that hold a buffer.'),
    returned: count(0, 1e6)
      .optional()
      .describe('Blocks of these that are wholly private again at the end; without it half of them, rounded down.'),
    buffers: count(1, 1e8)
      .optional()
      .describe('Allocations, their sizes drawn as the recorded guests have them; without it 12 a block.'),
    freed: share().prefault('54%').describe('Buffers of the other blocks that are freed too.'),
  },
  (keys, context) => {
    const { blocks, returned = Math.floor(blocks / 2), buffers = 12 * blocks } = keys;
    return planWindow({ ...keys, returned, buffers }, 'dma', context);
  },
);

export const TRANSIENT_BUFFERS = definePhase(
  'transient-buffers',
  'Buffers that firmware or the probe of a driver needs for a while: shared, used, all private again.',
  {
    ...WINDOW,
    blocks: count(1, 1e6).default(8).describe('Blocks of 2 MiB that hold a buffer.'),
    buffers: count(1, 1e8)
      .optional()
      .describe('Allocations, their sizes drawn as the recorded guests have them; without it 4 a block.'),
    of: choice(['firmware', 'probe']).default('probe').describe('Whose they are: a note on the ops, no more.'),
  },
  (keys, context) => {
    const { blocks, buffers = 4 * blocks } = keys;
    return planWindow({ ...keys, buffers, returned: blocks, freed: 1 }, keys.of, context);
  },
);
