/**
 * What a policy, its arch and the host's memory mean for the shape of a random stream: how large a huge page is, how much a
 * pool can hold, what kind memory has at first.
 */
import type { Arch, Knobs } from '../../lib/spec/knobs.js';

/** Pages of 2M and of 1G. */
export const BLOCK = 512;
const GIANT = 512 * BLOCK;
/** 2M blocks of 1G. */
const REGION_BLOCKS = 512;

export interface Setting {
  readonly arch: Arch;
  readonly hugepages: Knobs['hugepages'];
  readonly inPlace: boolean;
  /** Conversions to private must name a range that turned shared in one piece. */
  readonly natural: boolean;
  /** Merges wait until it has been quiet. */
  readonly deferred: boolean;
  /** Pages of the policy's huge size; 512 where it has none. */
  readonly unit: number;
  /** `unit` is 1G: pages by the 262 144, so ops that cost a step a page are kept short. */
  readonly giant: boolean;
  /** Pages the pool holds; undefined without a pool. */
  readonly poolPages: number | undefined;
  /** So much memory that runs over whole files must be kept short, as it would not stop them. */
  readonly roomy: boolean;
  /** Kind of memory nobody has converted and nobody created `init-shared`. */
  readonly privateAtFirst: boolean;
}

export function settingOf({ knobs, arch }: { knobs: Knobs; arch: Arch }, memoryBlocks: number): Setting {
  const giant = knobs.hugepages === '1G';
  const unit = giant ? GIANT : BLOCK;
  const complete = Math.floor((memoryBlocks * BLOCK) / unit);
  return {
    arch,
    hugepages: knobs.hugepages,
    inPlace: knobs.conversion === 'in-place',
    natural: knobs.sharedOrder === 'natural',
    deferred: knobs.merge === 'deferred',
    unit,
    giant,
    poolPages: knobs.source === 'pool' ? Math.floor((15 * complete) / 16) * unit : undefined,
    roomy: memoryBlocks >= REGION_BLOCKS,
    privateAtFirst: arch === 'snp' || arch === 'tdx',
  };
}
