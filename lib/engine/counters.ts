/**
 * A backend's counter arrays by name.
 */
import { COUNTER_NAMES, type Counters } from '../spec/counters.js';
import { errnoName } from '../spec/errnos.js';
import type { Backend } from './backend.js';

/** Errno numbers a backend's error counters have room for. */
const ERRNO_SLOTS = 256;

export function readCounters(backend: Backend): Counters {
  const values = new Float64Array(COUNTER_NAMES.length);
  backend.counters(values);
  const answered = new Float64Array(ERRNO_SLOTS);
  backend.errors(answered);
  const errors: Record<string, number> = {};
  answered.forEach((count, errno) => {
    if (count > 0) errors[errnoName(errno)] = count;
  });
  const named = Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, values[i] as number]));
  return { ...named, errors } as Counters;
}
