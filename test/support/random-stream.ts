/**
 * Random streams that mean something: a small world is built first, then ops are aimed at it. One number decides a whole
 * stream, together with the profile, the policy and the length asked for.
 */
import type { RecordFields } from '../../lib/ops/records.js';
import { QUIET_OPS } from '../../lib/reference/deferred-merges.js';
import { Actions } from './actions.js';
import type { TestPolicy } from './policies.js';
import { Random } from './prng.js';
import { GIANT_MEMORY_BLOCKS, PROFILES, type ProfileName } from './profiles.js';
import { settingOf } from './setting.js';

/** Everything a run needs besides the policy. */
export interface StreamPlan {
  readonly memoryBytes: number;
  readonly contents: boolean;
  /** Seed of the engine (pressure). */
  readonly seed: number;
  readonly ops: readonly RecordFields[];
}

const DESTROY_WEIGHT = 0.7;

/** @param length ops, at least, long quiet whiles apart; the script that is under way at that point is finished. */
export function randomStream(seed: number, profile: ProfileName, policy: TestPolicy, length: number): StreamPlan {
  const random = new Random(seed);
  const { memoryBlocks, weights } = PROFILES[profile];
  const giant = policy.knobs.hugepages === '1G';
  const blocks = Number(random.weighted(giant ? GIANT_MEMORY_BLOCKS : memoryBlocks));
  const contents = random.chance(giant ? 0.4 : 0.8);
  const engineSeed = random.chance(0.5) ? 0 : random.u32();
  const actions = new Actions(random, PROFILES[profile], settingOf(policy, blocks));
  // A VM that is gone answers EBADF to everything: interesting, but for most streams only towards their end.
  const mortal = random.chance(0.15);
  const ops = actions.opening();
  let waiting = 0;
  while (ops.length - waiting < length) {
    const destroy = mortal || ops.length > length * 0.8 ? DESTROY_WEIGHT : 0;
    const made = actions.make(random.weighted({ ...weights, destroy }));
    ops.push(...made);
    if (made.length > QUIET_OPS / 2) waiting += made.length;
  }
  return { memoryBytes: blocks * 2 ** 21, contents, seed: engineSeed, ops };
}
