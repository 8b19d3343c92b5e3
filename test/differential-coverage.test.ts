/**
 * The random streams of the differential tests are worth running: between them they reach every op, every errno its
 * semantics give, every exit, every PVALIDATE code and every counter its policies can move.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { OutcomeRecords } from '../lib/ops/outcomes.js';
import { COUNTER_NAMES } from '../lib/spec/counters.js';
import { errnoName } from '../lib/spec/errnos.js';
import { KNOB_NAMES, KNOBS } from '../lib/spec/knobs.js';
import { OP_NAMES } from '../lib/spec/ops.js';
import { EXITS } from '../lib/spec/outcomes.js';
import { reference } from './support/backends.js';
import {
  COUNTERS_OF_ARCH,
  COUNTERS_OF_DESIGN,
  EXPECTED_ERRNOS,
  UNREACHABLE_COUNTERS,
  VALIDATE_CODES,
} from './support/coverage.js';
import { type Case, optionsOf } from './support/differential.js';
import { nameOf, recordsOf } from './support/ops.js';
import { customPolicy, isGiant, presetPolicies, streamOps, type TestPolicy } from './support/policies.js';
import { Random } from './support/prng.js';
import { PROFILE_NAMES } from './support/profiles.js';
import { randomStream } from './support/random-stream.js';

const SEEDS = 3;
const GIANT_SEEDS = 2;
const CUSTOM_STREAMS = 150;
const STREAM_OPS = 300;

const [SOME_POLICY] = presetPolicies() as [TestPolicy];

describe('random streams', () => {
  const answers = new Map<string, number>();
  const exits = new Set<string>();
  const codes = new Set<number>();
  const moved = new Set<string>();
  /** By arch. */
  const done = new Map<string, { ran: number; succeeded: number }>();

  function note(plan: Case, outcomes: OutcomeRecords): void {
    const sums = done.get(plan.arch) ?? { ran: 0, succeeded: 0 };
    done.set(plan.arch, sums);
    plan.ops.forEach((fields, i) => {
      const name = nameOf(fields);
      const errno = outcomes.errno(i);
      const answer = `${name} ${errno === 0 ? 'ok' : errnoName(errno)}`;
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      exits.add(outcomes.exit(i));
      if (name === 'validate' && errno === 0) codes.add(outcomes.value(i, 0));
      // Waiting is no deed.
      if (fields === plan.ops[i - 1]) return;
      sums.ran += 1;
      if (errno === 0) sums.succeeded += 1;
    });
  }

  before(() => {
    const plans: Case[] = [];
    for (const [p, policy] of presetPolicies().entries()) {
      for (const [f, profile] of PROFILE_NAMES.entries()) {
        for (let seed = 0; seed < (isGiant(policy) ? GIANT_SEEDS : SEEDS); seed += 1) {
          const stream = randomStream(p * 1000 + f * 100 + seed, profile, policy, streamOps(policy));
          plans.push({ ...policy, ...stream });
        }
      }
    }
    for (let i = 0; i < CUSTOM_STREAMS; i += 1) {
      const random = new Random(77_000 + i);
      const policy = customPolicy(random);
      plans.push({ ...policy, ...randomStream(random.fork(), random.pick(PROFILE_NAMES), policy, streamOps(policy)) });
    }
    for (const plan of plans) {
      const backend = reference.create(optionsOf(plan));
      const outcomes = new OutcomeRecords(plan.ops.length);
      backend.run(recordsOf(plan.ops).bytes, 0, plan.ops.length, outcomes.bytes);
      const counters = new Float64Array(COUNTER_NAMES.length);
      backend.counters(counters);
      COUNTER_NAMES.forEach((name, i) => {
        if (counters[i] === 0) return;
        moved.add(name);
        moved.add(`${plan.policy} ${name}`);
        moved.add(`arch ${plan.arch} ${name}`);
        if (plan.knobs.merge === 'deferred') moved.add(`deferred ${name}`);
      });
      backend.close();
      note(plan, outcomes);
    }
  });

  test('every op succeeds somewhere and gives every errno it can give', () => {
    const expected = OP_NAMES.flatMap((name) => ['ok', ...EXPECTED_ERRNOS[name]].map((answer) => `${name} ${answer}`));
    assert.deepEqual(
      expected.filter((answer) => !answers.has(answer)),
      [],
      'answers no stream reached',
    );
  });

  test('no op gives an errno its semantics do not name', () => {
    const expected = new Set<string>(
      OP_NAMES.flatMap((name) => ['ok', ...EXPECTED_ERRNOS[name]].map((answer) => `${name} ${answer}`)),
    );
    assert.deepEqual(
      [...answers.keys()].filter((answer) => !expected.has(answer)),
      [],
      'answers docs/semantics.md does not give',
    );
  });

  test('every exit and every PVALIDATE code', () => {
    assert.deepEqual([...exits].sort(), [...EXITS].sort());
    assert.deepEqual([...codes].sort(), [...VALIDATE_CODES].sort());
  });

  test('every counter moves, but for those that cannot', () => {
    const still = COUNTER_NAMES.filter((name) => !moved.has(name));
    assert.deepEqual(still.sort(), Object.keys(UNREACHABLE_COUNTERS).sort());
  });

  test('every design does what it is there for', () => {
    const wanted = Object.entries(COUNTERS_OF_DESIGN).flatMap(([policy, names]) =>
      names.map((name) => `${policy} ${name}`),
    );
    assert.deepEqual(
      wanted.filter((key) => !moved.has(key)),
      [],
      'counters no stream of the design moved',
    );
  });

  test('every arch does what it is there for, and merges that wait are made', () => {
    const wanted = Object.entries(COUNTERS_OF_ARCH).flatMap(([arch, names]) =>
      names.map((name) => `arch ${arch} ${name}`),
    );
    assert.deepEqual(
      [...wanted, 'deferred merges_2m', 'deferred promotions'].filter((key) => !moved.has(key)),
      [],
      'counters no stream of the arch moved',
    );
  });

  test('more than half of all ops do something, on every arch', () => {
    for (const [arch, { succeeded, ran }] of done) {
      assert.ok(succeeded > ran * 0.5, `${arch}: ${succeeded} of ${ran} ops succeeded`);
    }
  });

  test('the same number gives the same stream', () => {
    const [a, b] = [1, 2].map(() => randomStream(42, 'mixed', SOME_POLICY, STREAM_OPS));
    assert.deepEqual(a, b);
    assert.notDeepEqual(a, randomStream(43, 'mixed', SOME_POLICY, STREAM_OPS));
  });

  test('random knobs take every value the engines accept', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 400; i += 1) {
      const { knobs } = customPolicy(new Random(i));
      for (const name of KNOB_NAMES) seen.add(`${name} ${knobs[name]}`);
    }
    const free = [
      'fallback',
      'byAttributes',
      'vmmPunch',
      'keepShared',
      'pins',
      'poison',
      'lock',
      'prepareErrno',
    ] as const;
    const missing = free
      .flatMap((name) => KNOBS[name].map((value) => `${name} ${value}`))
      .filter((key) => !seen.has(key));
    assert.deepEqual(missing, []);
  });
});
