/**
 * What an op stream says about the guest it belongs to: which VMs and files it names, which addresses it touches, how
 * much memory it binds. Derived from the OPS table and the four kinds that make and unmake objects.
 */
import { OP_PLANS } from '../ops/encode.js';
import { blankFields } from '../ops/records.js';
import type { OpSource } from '../ops/source.js';
import { OP_KIND, type OpName } from '../spec/ops.js';

/**
 * Addresses a memory slot can reach from gpa 0: KVM takes 2^31 - 1 pages (KVM_MEM_MAX_NR_PAGES), here rounded down to whole
 * GiB. What lies beyond is a legal op, but no guest memory.
 */
export const REACHABLE_BYTES = (2 ** 31 - 2 ** 18) * 4096;

export interface Extent {
  /** Ops by name, of those that occur. */
  readonly ops: Readonly<Partial<Record<OpName, number>>>;
  /** VMs and gmem files named, ascending. */
  readonly vms: readonly number[];
  readonly gmems: readonly number[];
  /** Lowest and end of the guest-physical addresses named outside of bind (reachable ones), bytes; zeros if none. */
  readonly gpaStart: number;
  readonly gpaEnd: number;
  /** End of the file offsets named outside of bind, bytes. */
  readonly offsetEnd: number;
  /** Most bytes bound to slots at one time. */
  readonly boundBytes: number;
  /** Most bytes of open gmem files at one time. */
  readonly fileBytes: number;
}

const CREATE = OP_KIND.create;
const BIND = OP_KIND.bind;
const CLOSE = OP_KIND.close;
const DESTROY = OP_KIND.destroy;

const withKey = (key: string): readonly boolean[] => OP_PLANS.map(({ keys }) => keys.some(([name]) => name === key));
const HAS_GPA = withKey('gpa');
const HAS_OFFSET = withKey('offset');
const HAS_VM = withKey('vm');
const HAS_GMEM = withKey('gmem');

export function extentOf(source: OpSource): Extent {
  const counts = new Array<number>(OP_PLANS.length).fill(0);
  const vms = new Set<number>();
  const gmems = new Set<number>();
  const bound = new Peak();
  const files = new Peak();
  let gpaStart = Number.POSITIVE_INFINITY;
  let gpaEnd = 0;
  let offsetEnd = 0;
  let lastVm = -1;
  let lastGmem = -1;
  const op = blankFields();
  for (const { stream } of source.chunks()) {
    for (let i = 0; i < stream.length; i += 1) {
      stream.records.read(i, op);
      const { kind } = op;
      counts[kind] = (counts[kind] as number) + 1;
      if (op.vm !== lastVm && HAS_VM[kind]) {
        lastVm = op.vm;
        vms.add(lastVm);
      }
      if (op.gmem !== lastGmem && HAS_GMEM[kind]) {
        lastGmem = op.gmem;
        gmems.add(lastGmem);
      }
      if (kind === CREATE) files.set(`${op.gmem}`, op.size);
      else if (kind === BIND) bound.set(`${op.vm}/${op.arg}`, op.size);
      else if (kind === CLOSE) files.set(`${op.gmem}`, 0);
      else if (kind === DESTROY) bound.drop(`${op.vm}/`);
      const end = op.address + Math.max(op.size, 1);
      if (op.address < 0 || op.size < 0 || end > REACHABLE_BYTES || kind === BIND) continue;
      if (HAS_GPA[kind]) {
        if (op.address < gpaStart) gpaStart = op.address;
        if (end > gpaEnd) gpaEnd = end;
      } else if (HAS_OFFSET[kind] && end > offsetEnd) offsetEnd = end;
    }
  }
  const ops: Partial<Record<OpName, number>> = {};
  for (const { name, kind } of OP_PLANS) {
    const count = counts[kind] as number;
    if (count > 0) ops[name] = count;
  }
  return {
    ops,
    vms: ascending(vms),
    gmems: ascending(gmems),
    gpaStart: gpaEnd === 0 ? 0 : gpaStart,
    gpaEnd,
    offsetEnd,
    boundBytes: bound.peak,
    fileBytes: files.peak,
  };
}

/** Sizes by name, and the largest sum there ever was. Sizes that cannot be memory count as nothing. */
class Peak {
  peak = 0;
  #sum = 0;
  readonly #sizes = new Map<string, number>();

  set(name: string, size: number): void {
    const bytes = size > 0 && size <= REACHABLE_BYTES ? size : 0;
    this.#sum += bytes - (this.#sizes.get(name) ?? 0);
    this.#sizes.set(name, bytes);
    this.peak = Math.max(this.peak, this.#sum);
  }

  drop(prefix: string): void {
    for (const name of this.#sizes.keys()) if (name.startsWith(prefix)) this.set(name, 0);
  }
}

function ascending(ids: Set<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}
