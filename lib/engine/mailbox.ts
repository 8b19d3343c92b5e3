/**
 * Single ops on any backend: the backend's own mailbox, or one made of plain memory and `run`.
 */
import { RECORD_BYTES } from '../spec/ops.js';
import { OUTCOME_BYTES } from '../spec/outcomes.js';
import type { Backend, Mailbox } from './backend.js';

export function mailboxOf(backend: Backend): Mailbox {
  if (backend.mailbox !== undefined) return backend.mailbox;
  return { ...memoryOf(backend), own: memoryOf(backend) };
}

function memoryOf(backend: Backend): Mailbox['own'] {
  const record = new Uint8Array(new ArrayBuffer(RECORD_BYTES));
  const outcome = new Uint8Array(new ArrayBuffer(OUTCOME_BYTES));
  return { record, outcome, step: () => backend.run(record, 0, 1, outcome) };
}
