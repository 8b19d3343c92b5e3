/**
 * What an op stream says about the guest it belongs to: which VMs and files it names, which addresses it touches, how
 * much memory it binds. Derived from the OPS table and the four kinds that make and unmake objects.
 */
import { OP_PLANS } from '../ops/encode.js';
import { blankFields } from '../ops/records.js';
import type { OpSource } from '../ops/source.js';
import { HAS_GPA, HAS_OFFSET, REACHABLE_BYTES, surveyOf } from '../ops/survey.js';
import { OP_KIND, type OpName } from '../spec/ops.js';

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

export function extentOf(source: OpSource): Extent {
  const survey = surveyOf(source);
  const bound = new Peak();
  const files = new Peak();
  const op = blankFields();
  for (let i = 0; i < survey.structural.length; i += 1) {
    const { kind, vm, gmem, arg, size } = survey.structural.read(i, op);
    if (kind === CREATE) files.set(`${gmem}`, size);
    else if (kind === BIND) bound.set(`${vm}/${arg}`, size);
    else if (kind === CLOSE) files.set(`${gmem}`, 0);
    else if (kind === DESTROY) bound.drop(`${vm}/`);
  }
  const ops: Partial<Record<OpName, number>> = {};
  let gpaStart = Number.POSITIVE_INFINITY;
  let gpaEnd = 0;
  let offsetEnd = 0;
  for (const { name, kind } of OP_PLANS) {
    const count = survey.counts[kind] as number;
    if (count > 0) ops[name] = count;
    const end = survey.ends[kind] as number;
    if (HAS_GPA[kind]) {
      gpaStart = Math.min(gpaStart, survey.lowest[kind] as number);
      gpaEnd = Math.max(gpaEnd, end);
    } else if (HAS_OFFSET[kind]) offsetEnd = Math.max(offsetEnd, end);
  }
  return {
    ops,
    vms: idsOf(survey.vms),
    gmems: idsOf(survey.gmems),
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

/** Ascending. */
function idsOf(named: Uint8Array): number[] {
  const ids: number[] = [];
  for (let id = named.indexOf(1); id >= 0; id = named.indexOf(1, id + 1)) ids.push(id);
  return ids;
}
