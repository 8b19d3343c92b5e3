/**
 * What a random stream concentrates on. Weights are relative; an action not named has the weight of `mixed`, scaled down
 * so that every profile still mixes everything.
 */
import type { OpName } from '../../lib/spec/ops.js';

/** Ops the generator can make, and the short scripts that lead to states single random ops rarely reach. */
export type Action =
  | Exclude<OpName, 'bind' | 'close'>
  | 'bind-new'
  | 'unbind'
  | 'rebind'
  | 'close'
  | 'recreate'
  | 'boot-block'
  | 'convert-and-back'
  | 'split-and-merge'
  | 'half-prepared'
  | 'poison-and-back'
  | 'wrapping-bind'
  | 'flip'
  | 'pin-and-convert'
  | 'orphans'
  | 'giant-attributes'
  | 'launch'
  | 'regrow'
  | 'quiet';

export type Weights = { readonly [A in Action]?: number };

export interface Profile {
  /** Choices of host memory in 2M blocks, with weights. */
  readonly memoryBlocks: { readonly [blocks: string]: number };
  /** Probability that one quantity of an op is replaced by a hostile one. */
  readonly hostile: number;
  /** Probability that a new file has the `mmap` flag, where the arch takes it. */
  readonly mmap: number;
  readonly weights: Weights;
}

const MIXED: Required<Weights> = {
  touch: 16,
  fault: 10,
  convert: 8,
  attributes: 4,
  punch: 7,
  fallocate: 4,
  populate: 5,
  validate: 6,
  finalize: 0.1,
  'guest-write': 8,
  'guest-read': 7,
  'host-write': 3,
  'host-read': 3,
  'vmm-write': 4,
  'vmm-read': 4,
  pin: 2,
  unpin: 2,
  poison: 0.3,
  split: 2,
  merge: 1.5,
  set: 0.8,
  pressure: 0.12,
  create: 0.4,
  destroy: 0,
  'bind-new': 1,
  unbind: 1,
  rebind: 1.5,
  close: 0.2,
  recreate: 0.7,
  'boot-block': 1.5,
  'convert-and-back': 2,
  'split-and-merge': 0.8,
  'half-prepared': 0.4,
  'poison-and-back': 0.2,
  'wrapping-bind': 0.3,
  flip: 1.5,
  'pin-and-convert': 1.5,
  orphans: 0.5,
  'giant-attributes': 0.4,
  launch: 0.3,
  regrow: 0.6,
  quiet: 0.1,
};

const MEMORY = { 1: 5, 2: 8, 3: 8, 4: 12, 6: 12, 8: 12, 12: 12, 16: 20, 32: 8, 515: 2, 1025: 2, 1536: 1 };

/** Host memory for 1G pages: pools of none, one, two, one and a part, and three of them. */
export const GIANT_MEMORY_BLOCKS = { 1023: 1, 1024: 10, 1100: 6, 1536: 8, 2048: 3 };

function profile(weights: Weights, rest: Partial<Profile> = {}): Profile {
  const background = Object.fromEntries(Object.entries(MIXED).map(([action, weight]) => [action, weight / 4]));
  return { memoryBlocks: MEMORY, hostile: 0.015, mmap: 0.35, ...rest, weights: { ...background, ...weights } };
}

export const PROFILES = {
  mixed: { ...profile({}), weights: MIXED },
  /** Launch, then the guest accepts memory and converts it back and forth. */
  boot: profile({
    populate: 12,
    validate: 16,
    'boot-block': 10,
    convert: 14,
    'convert-and-back': 10,
    touch: 14,
    flip: 4,
    'half-prepared': 3,
    launch: 2,
  }),
  /** Huge folios punched, split and merged in part. */
  folios: profile(
    {
      punch: 20,
      fallocate: 8,
      split: 8,
      merge: 6,
      'split-and-merge': 6,
      set: 2,
      touch: 14,
      convert: 10,
      flip: 6,
      regrow: 5,
    },
    { memoryBlocks: { 4: 1, 6: 1, 8: 1, 16: 2 } },
  ),
  /** Slots that move, also to places where gfn and index are not congruent. */
  rebind: profile({ rebind: 16, unbind: 6, 'bind-new': 8, recreate: 4, fault: 14, touch: 14, attributes: 8 }),
  /** Too little memory for everything. */
  exhaustion: profile(
    {
      touch: 20,
      fallocate: 14,
      'vmm-write': 8,
      pressure: 0.6,
      recreate: 3,
      populate: 8,
      convert: 8,
      'poison-and-back': 2,
    },
    { memoryBlocks: { 1: 3, 2: 3, 3: 2, 4: 1 } },
  ),
  /** References that refuse, orphans, and frames that must never come back. */
  pins: profile(
    {
      pin: 12,
      unpin: 10,
      poison: 2.5,
      punch: 10,
      split: 8,
      merge: 8,
      convert: 8,
      recreate: 2,
      'pin-and-convert': 8,
      orphans: 3,
    },
    { mmap: 0.6 },
  ),
  /** Arguments nobody should send. */
  hostile: profile({}, { hostile: 0.2 }),
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;
export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];
