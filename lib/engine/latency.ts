/**
 * Latency of ops on this machine, as figures of `host`: which ops are timed is said in native/core/latency.h, and which of
 * their numbers are told, here.
 */
import { OP_NAMES } from '../spec/ops.js';

/** Every so-manieth op of a batch is timed: a prime, so that no rhythm of a stream hides a kind of op. */
export const LATENCY_EVERY = 61;

/** Numbers a kind of op has, in the order the addon fills them. */
const NUMBERS = ['samples', 'p50_ns', 'p90_ns', 'p99_ns', 'p99_9_ns', 'max_ns'] as const;

export function latencyRoom(): Float64Array {
  return new Float64Array(OP_NAMES.length * NUMBERS.length);
}

/** `latency_touch_p50_ns` and its like, of the kinds of op that were sampled. */
export function latencyFigures(numbers: Float64Array): Record<string, number> {
  const figures: Record<string, number> = { latency_sampled_every: LATENCY_EVERY };
  for (const [kind, op] of OP_NAMES.entries()) {
    const at = kind * NUMBERS.length;
    if (numbers[at] === 0) continue;
    for (const [i, name] of NUMBERS.entries()) {
      figures[`latency_${op.replaceAll('-', '_')}_${name}`] = numbers[at + i] as number;
    }
  }
  return figures;
}
