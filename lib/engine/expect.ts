/**
 * The other way to take an outcome: as a promise of success. What the modelled kernel refused is data everywhere else.
 */
import type { Outcome } from '../ops/outcomes.js';
import type { Errno } from '../spec/errnos.js';
import type { OpName } from '../spec/ops.js';
import { argumentError } from './arguments.js';
import { GmemError } from './error.js';

/** Which op a refused outcome belongs to, for the message. */
const OPS_OF = new WeakMap<Outcome, OpName>();

/** Remembers the op of a refused outcome. */
export function tagOutcome<N extends OpName>(outcome: Outcome<N>, op: N): Outcome<N> {
  if (!outcome.ok) OPS_OF.set(outcome, op);
  return outcome;
}

/**
 * The outcome itself, when the op succeeded: `const { pfn } = expectOk(vm.fault({ gpa: 0, access: 'private' }))`.
 *
 * @throws GmemError `ERR_GMEM_OP` with `errno` and `op` when it was refused.
 */
export function expectOk<O extends Outcome>(outcome: O): O & { ok: true } {
  if (typeof outcome !== 'object' || outcome === null || typeof outcome.ok !== 'boolean') {
    throw argumentError('expectOk: accepted: an outcome');
  }
  if (outcome.ok) return outcome as O & { ok: true };
  throw refusal(outcome);
}

/** A refused outcome as an error; `asked`: what the op was given, where the caller does not see that. */
export function refusal(outcome: Outcome, asked: Readonly<Record<string, unknown>> = {}): GmemError {
  const op = OPS_OF.get(outcome);
  const { ok: _, errno, ...rest } = outcome as Outcome & Record<string, unknown>;
  const details = Object.entries({ ...asked, ...rest }).map(([name, value]) => `${name} ${value}`);
  const message = [`${op ?? 'op'}: ${errno}`, ...details].join(', ');
  return new GmemError('ERR_GMEM_OP', message, { errno: errno as Errno, ...(op === undefined ? {} : { op }) });
}
