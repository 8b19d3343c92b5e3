/**
 * Native against reference on random streams: every outcome, counter and page view byte for byte, and both must hold
 * their own invariants. `GMEM_OPS` ops in all (default 500 000) from `GMEM_SEED` (fixed), plus a share from a fresh seed
 * that the log shows.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import { engines } from './support/backends.js';
import { difference } from './support/differential.js';
import { describeFailure } from './support/failure.js';
import { customPolicy, isGiant, presetPolicies, streamOps, type TestPolicy, weightOf } from './support/policies.js';
import { Random } from './support/prng.js';
import { PROFILE_NAMES, type ProfileName } from './support/profiles.js';
import { randomStream } from './support/random-stream.js';
import { CHUNK, DEFAULT_OPS, DEFAULT_SEED, nameOfPairing, presetPairings, SHARE, stepwise } from './support/suite.js';

const SEED = Number(process.env.GMEM_SEED ?? DEFAULT_SEED);
const OPS = Number(process.env.GMEM_OPS ?? DEFAULT_OPS);
const FRESH_SEED = process.env.GMEM_SEED === undefined ? randomInt(2 ** 31) : SEED;

/** Runs streams until `ops` ops have run. @returns ops run. */
function compare(
  ops: number,
  next: (stream: number) => { policy: TestPolicy; profile: ProfileName; seed: number },
): number {
  let done = 0;
  for (let stream = 0; done < ops; stream += 1) {
    const { policy, profile, seed } = next(stream);
    const plan = { ...policy, ...randomStream(seed, profile, policy, streamOps(policy)) };
    const found = difference(engines, plan, { chunk: CHUNK, stepwise: stepwise(stream) });
    const origin = `${policy.policy} ${policy.arch} ${profile} seed ${seed}`;
    assert.ok(found === undefined, found && describeFailure(engines, plan, found, origin));
    done += plan.ops.length;
  }
  return done;
}

describe(`${engines[0].name} and ${engines[1].name} agree`, () => {
  const policies = presetPolicies();
  const ordinary = policies.filter((policy) => !isGiant(policy));
  let done = 0;

  for (const pairing of presetPairings(SEED)) {
    test(nameOfPairing(pairing), () => {
      const { policy, profile, seed, share } = pairing;
      done += compare(OPS * share, (stream) => ({ policy, profile, seed: seed(stream) }));
    });
  }

  test('random knobs', () => {
    done += compare(OPS * SHARE.custom, (stream) => {
      const random = new Random(SEED + 500_000 + stream);
      return { policy: customPolicy(random), profile: random.pick(PROFILE_NAMES), seed: random.fork() };
    });
  });

  test(`a seed nobody has seen: GMEM_SEED=${FRESH_SEED}`, () => {
    done += compare(OPS * SHARE.fresh, (stream) => {
      const random = new Random(FRESH_SEED + stream);
      const picked = random.chance(0.5) ? random.pick(policies) : customPolicy(random);
      const policy = isGiant(picked) && !random.chance(weightOf(picked)) ? random.pick(ordinary) : picked;
      return { policy, profile: random.pick(PROFILE_NAMES), seed: random.fork() };
    });
  });

  test('as many ops ran as were asked for', () => assert.ok(done >= OPS, `${done} of ${OPS}`));
});
