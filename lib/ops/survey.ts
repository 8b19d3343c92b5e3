/**
 * What a stream is made of, without its order: how many ops of each kind, which memory and which objects they name. One pass
 * over the records gives it, and what a run needs to know beforehand follows from it. native/core/record_scan.h adds up
 * the same in C++.
 *
 * Invariants: arrays by kind have a place for each of OP_PLANS; `structural` holds the ops that make or unmake objects,
 * all of them and in order.
 */
import { OP_KIND } from '../spec/ops.js';
import { OP_PLANS } from './encode.js';
import { blankFields, OpRecords } from './records.js';
import type { OpSource } from './source.js';

/**
 * Addresses a memory slot can reach from gpa 0: KVM takes 2^31 - 1 pages (KVM_MEM_MAX_NR_PAGES), here rounded down to whole
 * GiB. What lies beyond is a legal op, but no guest memory.
 */
export const REACHABLE_BYTES = (2 ** 31 - 2 ** 18) * 4096;

const KINDS = OP_PLANS.length;
const withKey = (key: string): readonly boolean[] => OP_PLANS.map(({ keys }) => keys.some(([name]) => name === key));

export const HAS_GPA = withKey('gpa');
export const HAS_OFFSET = withKey('offset');
export const HAS_VM = withKey('vm');
export const HAS_GMEM = withKey('gmem');
/** Names a range of guest memory or of a file. A bind names both, and none of them is used by it. */
export const RANGED = OP_PLANS.map(
  ({ kind }) => (HAS_GPA[kind] === true || HAS_OFFSET[kind] === true) && kind !== OP_KIND.bind,
);
const STRUCTURAL_KINDS: readonly number[] = [OP_KIND.create, OP_KIND.bind, OP_KIND.close, OP_KIND.destroy];
export const STRUCTURAL = OP_PLANS.map(({ kind }) => STRUCTURAL_KINDS.includes(kind));

/** Ids of VMs and of files that there can be. */
const VM_IDS = 1024;
const GMEM_IDS = 65_536;

export class Survey {
  /** Ops by kind, then the lowest address by kind and the highest end, bytes, of the ranges that can be memory. */
  readonly numbers = new Float64Array(3 * KINDS + 1);
  readonly counts = this.numbers.subarray(0, KINDS);
  readonly lowest = this.numbers.subarray(KINDS, 2 * KINDS).fill(Number.POSITIVE_INFINITY);
  readonly ends = this.numbers.subarray(2 * KINDS, 3 * KINDS);
  /** 1 for every id that some op names. */
  readonly vms = new Uint8Array(VM_IDS);
  readonly gmems = new Uint8Array(GMEM_IDS);
  readonly structural = new OpRecords(16);

  add(records: OpRecords): void {
    const op = blankFields();
    for (let i = 0; i < records.length; i += 1) {
      records.read(i, op);
      const { kind, address, size } = op;
      this.counts[kind] = (this.counts[kind] as number) + 1;
      if (HAS_VM[kind]) this.vms[op.vm] = 1;
      if (HAS_GMEM[kind]) this.gmems[op.gmem] = 1;
      if (STRUCTURAL[kind]) this.structural.appendFields(op);
      if (!RANGED[kind] || address < 0 || size < 0) continue;
      const end = address + Math.max(size, 1);
      if (end > REACHABLE_BYTES) continue;
      if (address < (this.lowest[kind] as number)) this.lowest[kind] = address;
      if (end > (this.ends[kind] as number)) this.ends[kind] = end;
    }
  }
}

/** The survey a source brings, or a new one. */
export function surveyOf(source: OpSource): Survey {
  if (source.survey !== undefined) return source.survey;
  const survey = new Survey();
  for (const { stream } of source.chunks()) survey.add(stream.records);
  return survey;
}
