/**
 * The bounce buffer of a confidential guest, and the kernel's pools for DMA in atomic context.
 *
 * Sizes are the kernel's rules (mem_encrypt_setup_arch, swiotlb_adjust_size, dma_atomic_pool_init), and what the three
 * recorded guests did: 256, 512 and 1024 MiB for 2.5, 8 and 16 GiB of RAM; pools of 512 KiB, 1 and 2 MiB.
 */
import { address, share, size } from '../keys.js';
import { ceilTo } from '../memory.js';
import { claim, convertRange, definePhase, EXIT_TEXT } from '../phase.js';
import { MIB } from './touching.js';

/** 6 % of memory, 64 MiB to 1 GiB, rounded up to the next power of two. */
export function swiotlbBytes(memoryBytes: number, part = 0.06, least = 64 * MIB, most = 1024 * MIB): number {
  const wanted = Math.min(most, Math.max(least, memoryBytes * part));
  return 2 ** Math.ceil(Math.log2(wanted));
}

/** 128 KiB a GiB of memory, 128 KiB to 4 MiB, rounded up to the next power of two. */
export function atomicPoolBytes(memoryBytes: number): number {
  const wanted = Math.min(4 * MIB, Math.max(MIB / 8, (memoryBytes / 2 ** 30) * (MIB / 8)));
  return 2 ** Math.ceil(Math.log2(wanted));
}

export const SWIOTLB = definePhase(
  'swiotlb',
  'The bounce buffer is made shared at early boot, an exit at a time, and stays so.',
  {
    size: size(4096).optional().describe('Its size; without it, from the three keys below, as an SNP guest does.'),
    share: share().prefault('6%').describe('Part of the memory of the guest.'),
    least: size(4096).prefault('64MiB').describe('At least this.'),
    most: size(4096).prefault('1GiB').describe('At most this; the result is rounded up to a power of two.'),
    at: address(4096).optional().describe('Where it lies; without it, below the top of the RAM under 4 GiB.'),
    belowTop: size(4096, 0)
      .prefault('23300KiB')
      .describe('What lies between its end and the top of that RAM. The default was seen in big16g and mem8g.'),
    exit: size(4096).prefault(EXIT_TEXT).describe('Memory converted by one exit: 253 pages of 4K for Linux 6.1.'),
  },
  (keys, context) => {
    const { memory } = context.guest;
    const bytes = keys.size ?? swiotlbBytes(memory.bytes, keys.share, keys.least, keys.most);
    const usual = memory.region('low').end - keys.belowTop - bytes;
    const at = claim(context, bytes, 4096, keys.at ?? Math.max(0, usual), 'low-top');
    return (out) => convertRange(out, 0, at, bytes, 'shared', keys.exit, 'swiotlb');
  },
);

export const DMA_POOLS = definePhase(
  'dma-pools',
  'The three atomic DMA pools of the kernel (any address, below 16 MiB, below 4 GiB) become shared and stay so.',
  {
    size: size(4096)
      .optional()
      .describe('Size of each; without it 128 KiB a GiB of memory, 128 KiB to 4 MiB, as the kernel does.'),
    exit: size(4096).prefault(EXIT_TEXT).describe('Memory converted by one exit.'),
  },
  (keys, context) => {
    const bytes = keys.size ?? atomicPoolBytes(context.guest.memory.bytes);
    const aligned = 2 ** Math.ceil(Math.log2(bytes));
    const { memory } = context.guest;
    const below16M = Math.max(4 * MIB, ceilTo(bytes, aligned));
    const pools = [
      // The recorded guests have it 28 MiB above 4 GiB.
      claim(context, bytes, aligned, undefined, 'high'),
      claim(context, bytes, aligned, memory.isFree(below16M, bytes) ? below16M : undefined, 'low'),
      claim(context, bytes, aligned, undefined, 'low'),
    ];
    return function* (out) {
      for (const at of pools) yield* convertRange(out, 0, at, bytes, 'shared', keys.exit, 'dma_atomic_pool');
    };
  },
);
