/**
 * Explicit split and merge of folios, for policies written on top (docs/semantics.md section 11,
 * docs/semantics-designs.md section 17).
 */
import type { RecordFields } from '../ops/records.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, type Order, PAGE_BYTES, pagesOf } from '../spec/units.js';
import { foliosAbove } from './model.js';
import { validRange } from './ranges.js';
import { countAttempt, firstReferenced } from './references.js';
import { type Reply, refuse } from './reply.js';
import { mergeAndPromote, mergeable, trySplit } from './split-merge.js';
import type { State } from './state.js';

export function split(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  if (!validRange(op.address, op.size) || end > file.pages || state.natural) return refuse('EINVAL');
  if (op.arg !== ORDER_4K && (op.arg !== ORDER_2M || state.hugeOrder !== ORDER_1G)) return refuse('EINVAL');
  let split = 0;
  for (const folio of foliosAbove(file, first, end, op.arg)) {
    const refusal = trySplit(state, file, folio.first, op.arg);
    if (refusal !== undefined) {
      const offset = Math.max(folio.first, first) * PAGE_BYTES;
      return refuse(refusal === 'referenced' ? 'EAGAIN' : 'ENOMEM', { offset });
    }
    split += 1;
  }
  return { values: { split } };
}

export function merge(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  if (!validRange(op.address, op.size) || end > file.pages || state.natural) return refuse('EINVAL');
  if ((op.arg !== ORDER_2M && op.arg !== ORDER_1G) || op.arg > state.hugeOrder) return refuse('EINVAL');
  const order: Order = op.arg;
  const pages = pagesOf(order);
  let merged = 0;
  for (let head = Math.ceil(first / pages) * pages; head + pages <= end; head += pages) {
    if (!mergeable(state, file, head, order)) continue;
    const pinned = firstReferenced(file, head, head + pages);
    if (pinned !== undefined) {
      countAttempt(file, head, head + pages);
      return refuse('EAGAIN', { offset: pinned * PAGE_BYTES });
    }
    mergeAndPromote(state, file, head, order);
    merged += 1;
  }
  return { values: { merged } };
}
