/**
 * Explicit split and merge of folios, for policies written on top (docs/semantics.md, section 11).
 */
import type { RecordFields } from '../ops/records.js';
import { ORDER_2M, ORDER_4K, PAGE_BYTES } from '../spec/units.js';
import { mergeable, mergeFolio, splitFolio } from './folios.js';
import { BLOCK_PAGES } from './frames.js';
import { blockParts } from './model.js';
import { validRange } from './ranges.js';
import { countAttempt, firstReferenced } from './references.js';
import { type Reply, refuse } from './reply.js';
import type { State } from './state.js';

export function split(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  if (!validRange(op.address, op.size) || end > file.pages || op.arg !== ORDER_4K) return refuse('EINVAL');
  let split = 0;
  for (const part of blockParts(file, first, end)) {
    if (!part.block.hugeFolio) continue;
    if (!splitFolio(state, file, part.block, part.base)) return refuse('EAGAIN', { offset: part.first * PAGE_BYTES });
    split += 1;
  }
  return { values: { split } };
}

export function merge(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  if (!validRange(op.address, op.size) || end > file.pages) return refuse('EINVAL');
  if (op.arg !== ORDER_2M || state.knobs.hugepages === 'off') return refuse('EINVAL');
  let merged = 0;
  for (const part of blockParts(file, first, end)) {
    if (part.end - part.first < BLOCK_PAGES || !mergeable(state, part.block)) continue;
    const pinned = firstReferenced(file, part.base);
    if (pinned !== undefined) {
      countAttempt(file, part.base);
      return refuse('EAGAIN', { offset: pinned * PAGE_BYTES });
    }
    mergeFolio(state, file, part.block, part.base);
    merged += 1;
  }
  return { values: { merged } };
}
