/**
 * fallocate: allocation and hole punching (docs/semantics.md, section 8).
 */
import type { RecordFields } from '../ops/records.js';
import { PAGE_BYTES } from '../spec/units.js';
import { ensurePage, freePages, splitFolio } from './folios.js';
import { BLOCK_PAGES } from './frames.js';
import { zapIndexes } from './leaves.js';
import { blockParts, type GmemFile } from './model.js';
import { validRange } from './ranges.js';
import { OK, type Reply, refuse } from './reply.js';
import type { State } from './state.js';

export function fallocate(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  const first = op.address / PAGE_BYTES;
  const end = first + op.size / PAGE_BYTES;
  if (end > file.pages) return refuse('EINVAL');
  for (let index = first; index < end; index += 1) {
    if (!ensurePage(state, file, index)) return refuse('ENOMEM', { done: index - first });
  }
  return OK;
}

export function punch(state: State, op: RecordFields): Reply {
  const file = state.gmems.get(op.gmem);
  if (file === undefined) return refuse('EBADF');
  if (!validRange(op.address, op.size)) return refuse('EINVAL');
  const first = op.address / PAGE_BYTES;
  const { freed, split } = punchRange(state, file, first, first + op.size / PAGE_BYTES);
  return { values: { freed, zeroed: 0, split } };
}

/**
 * Punches indexes [first, end), which may lie beyond the file.
 *
 * @returns pages freed and folios split
 */
export function punchRange(state: State, file: GmemFile, first: number, end: number): { freed: number; split: number } {
  const result = { freed: 0, split: 0 };
  const [from, to] = asVmmPunches(state, file, first, Math.min(end, file.pages));
  for (const { block, base, first: partFirst, end: partEnd } of blockParts(file, from, to)) {
    zapIndexes(state, file, partFirst, partEnd);
    const whole = partEnd - partFirst === BLOCK_PAGES;
    if (!block.hugeFolio || whole) {
      result.freed += freePages(state, file, block, base, partFirst, partEnd);
    } else if (splitFolio(state, file, block, base)) {
      result.split += 1;
      result.freed += freePages(state, file, block, base, partFirst, partEnd);
    } else if (!block.marked.includes(1)) {
      result.freed += freePages(state, file, block, base, base, base + BLOCK_PAGES);
    }
  }
  return result;
}

/** What userspace makes of a hole inside the file: the range as it is, its whole huge pages, or nothing. */
function asVmmPunches(state: State, file: GmemFile, first: number, end: number): [number, number] {
  if (state.knobs.vmmPunch === 'never') return [first, first];
  if (state.knobs.vmmPunch === 'exact' || state.knobs.hugepages === 'off') return [first, end];
  const from = Math.ceil(first / BLOCK_PAGES) * BLOCK_PAGES;
  const to = end === file.pages ? end : Math.floor(end / BLOCK_PAGES) * BLOCK_PAGES;
  return [from, to];
}
