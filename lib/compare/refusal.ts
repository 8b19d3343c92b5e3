/**
 * Why a policy cannot run an input at all: a pool hands out whole huge pages and reserves them when a file is created
 * (docs/semantics-designs.md section 14), so an input made for another size would only fail, op after op.
 */
import type { Knobs } from '../spec/knobs.js';
import { formatBytes, ORDER_1G, ORDER_2M, PAGE_BYTES, pagesOf } from '../spec/units.js';
import type { FileEvent } from './memory.js';

/** The part of host memory that a pool takes: 15/16 of the complete huge pages. */
const POOL_SHARE = 15 / 16;

/** The reason, or `undefined` when the files of the input fit. Ops that fail for other reasons are for the engine. */
export function inputRefusal(files: readonly FileEvent[], knobs: Knobs, memoryBytes: number): string | undefined {
  if (knobs.source !== 'pool') return undefined;
  const hugeBytes = pagesOf(knobs.hugepages === '1G' ? ORDER_1G : ORDER_2M) * PAGE_BYTES;
  const poolBytes = Math.floor(Math.floor(memoryBytes / hugeBytes) * POOL_SHARE) * hugeBytes;
  const open = new Map<number, number>();
  let reserved = 0;
  for (const { gmem, sizeBytes } of files) {
    if (sizeBytes === 0) {
      reserved -= open.get(gmem) ?? 0;
      open.delete(gmem);
    }
    if (sizeBytes === 0 || open.has(gmem)) continue;
    if (sizeBytes % hugeBytes !== 0) {
      return `gmem ${gmem} of ${formatBytes(sizeBytes)} is not a multiple of the pool's ${formatBytes(hugeBytes)} pages`;
    }
    open.set(gmem, sizeBytes);
    reserved += sizeBytes;
    if (reserved > poolBytes) {
      return `files of ${formatBytes(reserved)} do not fit the pool of ${formatBytes(poolBytes)} in ${formatBytes(memoryBytes)} of memory`;
    }
  }
  return undefined;
}
