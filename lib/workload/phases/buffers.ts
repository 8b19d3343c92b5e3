/**
 * DMA buffers of 4K to 64K scattered over memory with locality, as the recorded guests' drivers allocate them, and their
 * release. Shared by the phases `dma-buffers` and `transient-buffers`.
 *
 * A block is 2 MiB. Invariants of the plan: every block holds a buffer; buffers do not overlap; in a block that is to
 * stay, the first buffer stays to the end, so that it is never wholly private in between; a block that is to be returned is
 * wholly private at the end of the phase.
 */
import type { Emitter } from '../emitter.js';
import { ceilTo } from '../memory.js';
import type { PlanContext, Planned } from '../phase.js';
import type { Random } from '../random.js';
import { MIB } from './touching.js';

const BLOCK = 2 * MIB;
const BLOCK_PAGES = 512;

/** Pages of a buffer and how many of big16g's 360 dma_alloc calls asked for so many. */
export const BUFFER_PAGES: readonly (readonly [pages: number, calls: number])[] = [
  [1, 80],
  [2, 168],
  [4, 40],
  [6, 32],
  [16, 40],
];
/** With a gap of at most two pages after each, so many always find room in a block. */
const MOST_A_BLOCK = 28;
const CALLS = BUFFER_PAGES.reduce((sum, [, calls]) => sum + calls, 0);

export interface BufferPlan {
  /** Window the blocks lie in. */
  at: number;
  window: number;
  blocks: number;
  /** Blocks that are wholly private again at the end. */
  returned: number;
  buffers: number;
  /** Part of the buffers in the other blocks that is freed too. */
  freed: number;
  /** Chance that the next block is the neighbour of the last one. */
  locality: number;
}

/** Plans the buffers; problems are reported under the keys `window` and `buffers`. */
export function planBuffers(plan: BufferPlan, source: string, context: PlanContext): Planned {
  const blocks = chooseBlocks(plan, context);
  if (plan.returned > plan.blocks) {
    context.problem('returned', `${plan.returned} of ${plan.blocks} blocks, accepted: at most all`);
  }
  if (plan.buffers < plan.blocks) {
    context.problem('buffers', `${plan.buffers} cannot be in ${plan.blocks} blocks, accepted: at least one a block`);
  }
  if (plan.buffers > plan.blocks * MOST_A_BLOCK) {
    context.problem(
      'buffers',
      `${plan.buffers} are too many, accepted: ${plan.blocks * MOST_A_BLOCK} in ${plan.blocks} blocks`,
    );
  }
  const returned = new Set(context.random.shuffle(blocks.map((_, i) => i)).slice(0, plan.returned));
  const { vcpus } = context.guest;
  return (out, random) => runBuffers(plan, blocks, returned, vcpus, source, out, random);
}

function chooseBlocks(plan: BufferPlan, { guest, random, problem }: PlanContext): number[] {
  const first = ceilTo(plan.at, BLOCK);
  const slots = Math.floor((plan.at + plan.window - first) / BLOCK);
  const chosen: number[] = [];
  let free = 0;
  for (let i = 0; i < slots; i += 1) if (guest.memory.isFree(first + i * BLOCK, BLOCK)) free += 1;
  if (free < plan.blocks) {
    problem('window', `has room for ${free} blocks of 2 MiB, ${plan.blocks} are asked for`);
    return [0];
  }
  let slot = random.below(slots);
  while (chosen.length < plan.blocks) {
    slot = random.chance(plan.locality) ? (slot + 1) % slots : random.below(slots);
    if (guest.memory.claimAt(first + slot * BLOCK, BLOCK)) chosen.push(first + slot * BLOCK);
  }
  return chosen;
}

interface Buffer {
  block: number;
  gpa: number;
  bytes: number;
  kept: boolean;
}

function* runBuffers(
  plan: BufferPlan,
  blocks: readonly number[],
  returned: ReadonlySet<number>,
  vcpus: number,
  source: string,
  out: Emitter,
  random: Random,
): Generator<void> {
  const used = blocks.map(() => 0);
  const live: Buffer[] = [];
  // Some blocks get many buffers, most get few: 61 to 1 in big16g.
  const popular = random.shuffle(blocks.map((_, i) => i));
  for (let n = 0; n < plan.buffers; n += 1) {
    const pages = drawPages(random);
    const first = n < blocks.length;
    let block = first ? n : (popular[Math.floor((random.u32() / 2 ** 32) ** 2 * blocks.length)] as number);
    while ((used[block] as number) + pages > BLOCK_PAGES) block = (block + 1) % blocks.length;
    const page = used[block] as number;
    used[block] = page + pages + random.below(3);
    const buffer = {
      block,
      gpa: (blocks[block] as number) + page * 4096,
      bytes: pages * 4096,
      kept: !returned.has(block) && (first || !random.chance(plan.freed)),
    };
    if (out.full) yield;
    const vcpu = random.below(vcpus);
    out.convert(vcpu, buffer.gpa, buffer.bytes, 'shared', `${source}_alloc`);
    out.touch(vcpu, buffer.gpa, buffer.bytes);
    if (!buffer.kept) live.push(buffer);
    if (live.length > 16 && random.chance(0.5)) yield* free(live.splice(random.below(live.length), 1)[0] as Buffer);
  }
  for (const buffer of random.shuffle(live)) yield* free(buffer);

  function* free(buffer: Buffer): Generator<void> {
    if (out.full) yield;
    const vcpu = random.below(vcpus);
    out.convert(vcpu, buffer.gpa, buffer.bytes, 'private', `${source}_free`);
    out.touch(vcpu, buffer.gpa, buffer.bytes);
  }
}

function drawPages(random: Random): number {
  let draw = random.below(CALLS);
  for (const [pages, calls] of BUFFER_PAGES) {
    if (draw < calls) return pages;
    draw -= calls;
  }
  return 1;
}
