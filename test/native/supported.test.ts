/**
 * The addon by itself takes the knobs that this layer takes, and refuses the others for the same reason: both have the
 * rules from one table.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAddon } from '../../lib/engine/addon.js';
import { ARCHES, KNOB_NAMES, KNOBS, type Knobs } from '../../lib/spec/knobs.js';
import { REFUSALS, unsupportedReason } from '../../lib/spec/supported.js';
import { customPolicy } from '../support/policies.js';
import { Random } from '../support/prng.js';

interface RawAddon {
  create(
    knobs: Uint8Array,
    arch: number,
    memory: number,
    contents: number,
    limit: number,
    seed: number,
    simd: number,
  ): number;
  close(handle: number): void;
}

test('the addon and this layer refuse the same knobs for the same reasons', () => {
  const addon = loadAddon() as RawAddon;
  const random = new Random(92);
  const reasons = new Set<string>();
  let taken = 0;
  for (let round = 0; round < 20_000; round += 1) {
    // Few go together by chance: some rounds begin with knobs that do, and change one or two.
    const from = random.chance(0.1) ? customPolicy(random) : undefined;
    const kept = from === undefined ? 0 : 1 - random.below(3) / KNOB_NAMES.length;
    const positions = Uint8Array.from(KNOB_NAMES, (name) =>
      from !== undefined && random.chance(kept)
        ? (KNOBS[name] as readonly unknown[]).indexOf(from.knobs[name])
        : random.below(KNOBS[name].length),
    );
    const knobs = Object.fromEntries(
      KNOB_NAMES.map((name, i) => [name, KNOBS[name][positions[i] as number]]),
    ) as unknown as Knobs;
    const arch = from !== undefined && random.chance(0.8) ? ARCHES.indexOf(from.arch) : random.below(ARCHES.length);
    const reason = unsupportedReason(knobs, ARCHES[arch] as (typeof ARCHES)[number]);
    if (reason === undefined) {
      taken += 1;
      addon.close(addon.create(positions, arch, 2 ** 30, 0, 0, 0, 0));
    } else {
      reasons.add(reason);
      assert.throws(() => addon.create(positions, arch, 2 ** 30, 0, 0, 0, 0), { name: 'TypeError', message: reason });
    }
  }
  assert.ok(taken > 500, `${taken}`);
  assert.deepEqual([...reasons].sort(), [...new Set(REFUSALS.map(({ reason }) => reason))].sort());
});

test('the addon refuses more host memory than a pfn tells apart', () => {
  const addon = loadAddon() as RawAddon;
  const positions = new Uint8Array(KNOB_NAMES.length);
  for (const memory of [2 ** 44, 2 ** 44 + 4096, 2 ** 47, Number.MAX_SAFE_INTEGER]) {
    assert.throws(() => addon.create(positions, 0, memory, 0, 0, 0, 0), {
      name: 'TypeError',
      message: 'host memory of 16 TiB or more',
    });
  }
});
