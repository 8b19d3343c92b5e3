/**
 * Single ops on any backend: the backend's own mailbox, or one made of plain memory and `run`.
 */
import { RECORD_BYTES } from '../spec/ops.js';
import { OUTCOME_BYTES } from '../spec/outcomes.js';
import type { Backend, Mailbox } from './backend.js';

export function mailboxOf(backend: Backend): Mailbox {
  if (backend.mailbox !== undefined) return backend.mailbox;
  const memory = new ArrayBuffer(2 * RECORD_BYTES + OUTCOME_BYTES);
  const record = new Uint8Array(memory, 0, RECORD_BYTES);
  const outcome = new Uint8Array(memory, RECORD_BYTES, OUTCOME_BYTES);
  const own = new Uint8Array(memory, RECORD_BYTES + OUTCOME_BYTES, RECORD_BYTES);
  return {
    record,
    outcome,
    step: () => backend.run(record, 0, 1, outcome),
    own: { record: own, step: () => backend.run(own, 0, 1, outcome) },
  };
}
