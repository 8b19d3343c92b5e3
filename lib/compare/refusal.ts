/**
 * Why a policy cannot run an input at all: by discard a VM with private memory has no files with `mmap` or `init-shared`
 * (docs/semantics.md section 2), and a pool hands out whole huge pages and reserves them when a file is created
 * (docs/semantics-designs.md section 14). An input made for other files would only fail, op after op, and its row of
 * zeros would read as a cheap design.
 */
import type { Arch, Knobs } from '../spec/knobs.js';
import { CREATE_FLAG } from '../spec/ops.js';
import { formatBytes, ORDER_1G, ORDER_2M, PAGE_BYTES, pagesOf } from '../spec/units.js';
import type { FileEvent } from './memory.js';

/** The part of host memory that a pool takes: 15/16 of the complete huge pages. */
const POOL_SHARE = 15 / 16;

/** The reason, or `undefined` when every file of the input can be made. Ops that fail for other reasons are for the engine. */
export function inputRefusal(
  files: readonly FileEvent[],
  knobs: Knobs,
  arch: Arch,
  memoryBytes: number,
): string | undefined {
  return flagsRefusal(files, knobs, arch) ?? poolRefusal(files, knobs, memoryBytes);
}

function flagsRefusal(files: readonly FileEvent[], knobs: Knobs, arch: Arch): string | undefined {
  if (knobs.conversion === 'in-place' || arch === 'none') return undefined;
  for (const { gmem, flags } of files) {
    if (flags === 0) continue;
    const names = Object.entries(CREATE_FLAG).filter(([, bit]) => (flags & bit) !== 0);
    return `gmem ${gmem} is created with ${names.map(([name]) => name).join(' and ')}, which conversion discard refuses on arch ${arch}: its VMs have private memory`;
  }
  return undefined;
}

function poolRefusal(files: readonly FileEvent[], knobs: Knobs, memoryBytes: number): string | undefined {
  if (knobs.source !== 'pool') return undefined;
  const hugeBytes = pagesOf(knobs.hugepages === '1G' ? ORDER_1G : ORDER_2M) * PAGE_BYTES;
  const poolBytes = Math.floor(Math.floor(memoryBytes / hugeBytes) * POOL_SHARE) * hugeBytes;
  const open = new Map<number, number>();
  let reserved = 0;
  for (const { gmem, sizeBytes } of files) {
    if (sizeBytes === 0) {
      reserved -= open.get(gmem) ?? 0;
      open.delete(gmem);
      continue;
    }
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
