/**
 * An op stream in memory: records and, beside them, the annotations engines do not look at.
 */
import { GmemError } from '../engine/error.js';
import { NoteList } from './notes.js';
import { shown } from './problems.js';
import { checkWithin, MAX_RECORDS, OpRecords } from './records.js';
import type { OpChunk, OpSource } from './source.js';

export class OpStream implements OpSource {
  readonly records: OpRecords;
  /** Microseconds an op happened at, by position; sparse streams have none. NaN: this op has no `t`. */
  times: Float64Array | null = null;
  readonly notes = new NoteList();

  /** @throws GmemError `ERR_GMEM_ARGUMENT` for what are no records. */
  constructor(records: OpRecords = new OpRecords()) {
    if (!(records instanceof OpRecords)) {
      throw new GmemError('ERR_GMEM_ARGUMENT', `records: ${shown(records)} is not accepted, accepted: OpRecords`);
    }
    this.records = records;
  }

  get length(): number {
    return this.records.length;
  }

  get timed(): boolean {
    return this.times !== null;
  }

  /** Itself, whole: what takes an OpSource takes a stream. */
  *chunks(): Generator<OpChunk> {
    yield { stream: this, start: 0 };
  }

  time(i: number): number | undefined {
    const t = this.times?.[i];
    return t === undefined || Number.isNaN(t) ? undefined : t;
  }

  /** @throws GmemError `ERR_GMEM_ARGUMENT` for no position there can be, or no number. */
  setTime(i: number, microseconds: number): void {
    checkWithin('op', i, MAX_RECORDS - 1);
    if (typeof microseconds !== 'number')
      throw new GmemError('ERR_GMEM_ARGUMENT', `microseconds: got ${shown(microseconds)}, accepted: a number`);
    if (this.times === null || i >= this.times.length) {
      const grown = new Float64Array(Math.max(1024, 2 * (i + 1))).fill(Number.NaN);
      if (this.times !== null) grown.set(this.times);
      this.times = grown;
    }
    this.times[i] = microseconds;
  }

  /** Forgets every op, keeping the memory for others. */
  clear(): void {
    this.records.clear();
    this.times?.fill(Number.NaN);
    this.notes.clear();
  }
}
