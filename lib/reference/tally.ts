/**
 * The event counters: one number a name, only ever increased by the room in which the event happens. What can be read
 * off the state (peaks, ends, distinct ranges) is filled in by counters.ts.
 */
import { COUNTER_NAMES, type CounterName } from '../spec/counters.js';

export type Tally = Record<CounterName, number>;

export function emptyTally(): Tally {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Tally;
}
