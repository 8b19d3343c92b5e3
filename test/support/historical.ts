/**
 * The differential suite against the reference engine with one historical fault: which of its streams finds the fault, and
 * how few ops are left of it.
 */

import { createReferenceBackend } from '../../lib/reference/backend.js';
import { HISTORICAL_FAULTS, type Historical, type HistoricalFault } from '../../lib/reference/historical.js';
import { engines, native } from './backends.js';
import { type Case, type Difference, difference, type Engines } from './differential.js';
import { streamOps } from './policies.js';
import { randomStream } from './random-stream.js';
import { shrink } from './shrink.js';
import { CHUNK, DEFAULT_OPS, nameOfPairing, type Pairing, presetPairings, stepwise } from './suite.js';

export const FAULT_NAMES = Object.keys(HISTORICAL_FAULTS) as HistoricalFault[];

/** A stream of the suite that tells the faulty engine from the native one, made small. */
export interface Caught {
  /** Name of the test of the differential suite that runs the stream. */
  readonly test: string;
  /** Which of the streams of that test. */
  readonly stream: number;
  readonly plan: Case;
  readonly difference: Difference;
  /** Ops of all streams up to here. */
  readonly ops: number;
}

export function faultOf(name: HistoricalFault): Historical {
  return HISTORICAL_FAULTS[name];
}

/** The native engine, and the reference with the fault. */
export function faultyEngines(name: HistoricalFault): Engines {
  return [native, { name: 'faulty', create: (options) => createReferenceBackend(options, [name]) }];
}

/** Without the fault the engines agree on the stream: it is the fault that was found. */
export function soundAgree(plan: Case): boolean {
  return difference(engines, plan, { chunk: 1 }) === undefined;
}

/**
 * Goes through the streams of the suite under the policies that have a place for the fault, the first ones of all pairings
 * before the second ones, and nothing the suite would not run. Ends after `mostOps` ops.
 */
export function* catches(name: HistoricalFault, mostOps = Number.POSITIVE_INFINITY): Generator<Caught> {
  const { sits } = faultOf(name);
  const pairings = presetPairings().filter(({ policy }) => sits(policy.knobs, policy.arch));
  let ops = 0;
  const done = new Map<Pairing, number>();
  for (let stream = 0; ops < mostOps; stream += 1) {
    const unfinished = pairings.filter((pairing) => (done.get(pairing) ?? 0) < DEFAULT_OPS * pairing.share);
    if (unfinished.length === 0) return;
    for (const pairing of unfinished) {
      if (ops >= mostOps) return;
      const plan = planOf(pairing, stream);
      const found = difference(faultyEngines(name), plan, { chunk: CHUNK, stepwise: stepwise(stream) });
      ops += found?.ops ?? plan.ops.length;
      done.set(pairing, (done.get(pairing) ?? 0) + plan.ops.length);
      if (found === undefined) continue;
      const small = shrink(faultyEngines(name), plan, found);
      yield { test: nameOfPairing(pairing), stream, plan: small.plan, difference: small.difference, ops };
    }
  }
}

function planOf({ policy, profile, seed }: Pairing, stream: number): Case {
  return { ...policy, ...randomStream(seed(stream), profile, policy, streamOps(policy)) };
}
