/**
 * The run-time switches of the `set` op (docs/semantics.md, sections 11 and 26).
 */
import type { RecordFields } from '../ops/records.js';
import { KNOBS, SWITCH_MOST, SWITCH_NAMES } from '../spec/knobs.js';
import { MOST_BUSY_ATTEMPTS } from '../spec/rmp.js';
import { OK, type Reply, refuse } from './reply.js';
import type { State } from './state.js';

export function setSwitch(state: State, op: RecordFields): Reply {
  const { arg, extra: value, size: after } = op;
  const name = SWITCH_NAMES[arg];
  if (name === undefined) return refuse('EINVAL');
  if (name === 'rmp-busy' && state.arch !== 'snp') return refuse('EOPNOTSUPP');
  const mostAfter = name === 'rmp-busy' ? MOST_BUSY_ATTEMPTS : 0;
  if (!inRange(value, SWITCH_MOST[arg] as number) || !inRange(after, mostAfter)) return refuse('EINVAL');
  if (name === 'rmp-busy') state.rmp.hold(value, after);
  else state.hugepagesSwitch = KNOBS.hugepages[value] as (typeof KNOBS.hugepages)[number];
  return OK;
}

function inRange(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}
