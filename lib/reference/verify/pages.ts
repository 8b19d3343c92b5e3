/**
 * The page cache: folios aligned, contiguous and inside the file; marks, references and copies only where they may be.
 */
import { NO_PFN } from '../../spec/page-view.js';
import { levelName, ORDER_1G, ORDER_2M, ORDER_4K } from '../../spec/units.js';
import { BLOCK_PAGES } from '../frames.js';
import { type Block, blockOf, type GmemFile, pageAt, rangeAround } from '../model.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

export function verifyPages(state: State, check: Check): void {
  for (const file of state.files) {
    for (const [number, block] of file.blocks) verifyBlock(file, number * BLOCK_PAGES, block, check);
    for (const [index, pins] of file.pins) {
      const counts = pins.map((pin) => pin.count);
      check(
        counts.length > 0 && counts.every((count) => count > 0),
        () => `gmem ${file.id} index ${index} pins ${counts}`,
      );
    }
    for (const [index, tries] of file.speculative) {
      const present = pageAt(file, index) !== NO_PFN;
      check(present && tries > 0, () => `gmem ${file.id} index ${index} is absent or has ${tries} tries left`);
    }
  }
  for (const [id, file] of state.gmems) {
    check(
      file.open && file.id === id,
      () => `gmem ${id} stands for ${file.open ? `gmem ${file.id}` : 'a closed file'}`,
    );
  }
}

function verifyBlock(file: GmemFile, base: number, block: Block, check: Check): void {
  const whole = base + BLOCK_PAGES <= file.pages;
  check(
    block.order === ORDER_4K || isFolio(file, base, block),
    () => `gmem ${file.id} index ${base}: no ${levelName(block.order)} folio there`,
  );
  check(!block.hugeCopy || (whole && isRun(block.copy)), () => `gmem ${file.id} index ${base}: no 2M copy there`);
  for (let at = 0; at < BLOCK_PAGES; at += 1) {
    const index = base + at;
    const page = block.pfn[at] !== NO_PFN;
    const copy = block.copy[at] !== NO_PFN;
    check(block.marked[at] === 0 || page, () => `gmem ${file.id} index ${index} is marked and absent`);
    check(!page || file.open, () => `gmem ${file.id} index ${index} is present in a closed file`);
    check(
      !copy || !file.mmap,
      () => `gmem ${file.id} index ${index} has a copy, its file serves shared accesses itself`,
    );
    check(
      !copy || file.open || file.slots.length > 0,
      () => `gmem ${file.id} index ${index} has a copy nobody can reach`,
    );
    check((!page && !copy) || index < file.pages, () => `gmem ${file.id} index ${index} is beyond its file`);
  }
}

/** Part of an aligned, contiguous folio of its order, all of it inside the file. */
function isFolio(file: GmemFile, base: number, block: Block): boolean {
  const { first, end } = rangeAround(base, block.order);
  const head = pageAt(file, first);
  if (end > file.pages || head % (end - first) !== 0 || !isRun(block.pfn)) return false;
  if (block.order === ORDER_2M) return true;
  for (let at = first; at < end; at += BLOCK_PAGES) {
    if (blockOf(file, at)?.order !== ORDER_1G || pageAt(file, at) !== head + (at - first)) return false;
  }
  return true;
}

/** 512 contiguous pfns from an aligned one. */
function isRun(pfns: Uint32Array): boolean {
  const head = pfns[0] as number;
  return head !== NO_PFN && head % BLOCK_PAGES === 0 && pfns.every((pfn, at) => pfn === head + at);
}
