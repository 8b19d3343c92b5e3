/**
 * Runs one op stream on the real kernel and on a model, op by op, and finds the first answer that differs; and makes the
 * stream that shows it small.
 */
import type { Backend } from '../engine/backend.js';
import { OutcomeRecords } from '../ops/outcomes.js';
import type { OpRecords, RecordFields } from '../ops/records.js';
import { OpRecords as Records } from '../ops/records.js';
import { OP_NAMES, type OpName } from '../spec/ops.js';
import { dependsOnHost, type HostLimits } from './host.js';
import { isUnanswered, type KnownAnswer, knownPart, sameAnswer } from './known.js';

/** Runs ops one at a time. */
export class Stepper {
  readonly #backend: Backend;
  readonly #op = new Records(1);
  readonly #outcome = new OutcomeRecords(1);

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  step(fields: RecordFields): KnownAnswer {
    this.#op.clear();
    this.#op.appendFields(fields);
    this.#backend.run(this.#op.bytes, 0, 1, this.#outcome.bytes);
    return knownPart(this.#outcome.decode(0, OP_NAMES[fields.kind] as OpName));
  }
}

/** The answers of a real kernel to a stream; `null` where it had none, or one that only holds for this host. */
export function kernelAnswers(
  kernel: Backend & { readonly capabilities: HostLimits },
  ops: readonly RecordFields[],
): (KnownAnswer | null)[] {
  const stepper = new Stepper(kernel);
  return ops.map((fields) => {
    if (dependsOnHost(fields, kernel.capabilities)) return null;
    const answer = stepper.step(fields);
    return isUnanswered(answer) ? null : answer;
  });
}

export interface Contradiction {
  /** Position of the op in the stream. */
  readonly i: number;
  readonly kernel: KnownAnswer;
  readonly model: KnownAnswer;
}

/** The first op a model answers otherwise than the kernel did. Ops the kernel did not answer are not run. */
export function contradiction(
  model: Backend,
  ops: readonly RecordFields[],
  answers: readonly (KnownAnswer | null)[],
): Contradiction | undefined {
  const stepper = new Stepper(model);
  for (const [i, fields] of ops.entries()) {
    const kernel = answers[i];
    if (kernel === undefined || kernel === null) continue;
    const said = stepper.step(fields);
    if (!sameAnswer(kernel, said)) return { i, kernel, model: said };
  }
  return undefined;
}

/** A stream's ops as fields. */
export function fieldsOf(records: OpRecords): RecordFields[] {
  return Array.from({ length: records.length }, (_, i) => records.read(i));
}

/**
 * Leaves out what the contradiction does not need, halving the pieces that are tried: a short stream whose last op still
 * differs.
 */
export function minimise(
  ops: readonly RecordFields[],
  differs: (ops: readonly RecordFields[]) => boolean,
): RecordFields[] {
  let best = [...ops];
  for (let piece = Math.max(1, best.length >> 1); ; piece = Math.max(1, piece >> 1)) {
    let shorter = false;
    for (let end = best.length; end > 0; end -= piece) {
      const from = Math.max(0, end - piece);
      const tried = [...best.slice(0, from), ...best.slice(end)];
      if (tried.length === 0 || !differs(tried)) continue;
      best = tried;
      shorter = true;
    }
    if (piece === 1 && !shorter) return best;
  }
}
