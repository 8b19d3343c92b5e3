/**
 * Splits and merges counted naively from ops alone, without an engine: a pool hands out whole huge pages; one is split while
 * any page of it is shared, and merged when a conversion leaves it wholly private again.
 */
import type { OpSource } from '../../lib/ops/source.js';

export interface NaiveCounts {
  splits: number;
  merges: number;
  /** Regions (file offset / huge page) ever split, ascending. */
  split: number[];
  merged: number[];
}

/** Counts over one file that ops bind at any number of slots. `hugePages`: 4K pages in a huge page. */
export function countNaively(source: OpSource, hugePages: number): NaiveCounts {
  const slots: { gpa: number; size: number; offset: number }[] = [];
  const shared = new Set<number>();
  const sharedIn = new Map<number, number>();
  const present = new Set<number>();
  const whole = new Set<number>();
  const split = new Set<number>();
  const merged = new Set<number>();
  let splits = 0;
  let merges = 0;
  const index = (gpa: number): number => {
    const slot = slots.find((candidate) => gpa >= candidate.gpa && gpa < candidate.gpa + candidate.size);
    if (slot === undefined) throw new Error(`gpa ${gpa} lies in no slot`);
    return (gpa - slot.gpa + slot.offset) / 4096;
  };
  const breakUp = (region: number): void => {
    if (!whole.delete(region)) return;
    splits += 1;
    split.add(region);
  };
  for (const { stream } of source.chunks()) {
    for (let i = 0; i < stream.length; i += 1) {
      const name = stream.records.opName(i);
      const op = stream.records.read(i);
      if (name === 'bind') slots.push({ gpa: op.address, size: op.size, offset: op.extra });
      if (name !== 'touch' && name !== 'convert' && name !== 'populate') continue;
      const first = index(op.address);
      const end = first + op.size / 4096;
      if (name !== 'convert') {
        for (let region = Math.floor(first / hugePages); region * hugePages < end; region += 1) {
          if (present.has(region)) continue;
          present.add(region);
          whole.add(region);
          if ((sharedIn.get(region) ?? 0) > 0) breakUp(region);
        }
        continue;
      }
      const toPrivate = (op.flags & 2) !== 0;
      const hit = new Set<number>();
      for (let page = first; page < end; page += 1) {
        if (shared.has(page) !== toPrivate) continue;
        const region = Math.floor(page / hugePages);
        hit.add(region);
        if (toPrivate) shared.delete(page);
        else shared.add(page);
        sharedIn.set(region, (sharedIn.get(region) ?? 0) + (toPrivate ? -1 : 1));
      }
      for (const region of hit) {
        if (!toPrivate) breakUp(region);
        else if (sharedIn.get(region) === 0 && present.has(region) && !whole.has(region)) {
          whole.add(region);
          merges += 1;
          merged.add(region);
        }
      }
    }
  }
  const ascending = (set: Set<number>): number[] => [...set].sort((a, b) => a - b);
  return { splits, merges, split: ascending(split), merged: ascending(merged) };
}
