/**
 * The time axis of a report: a few gauges read between chunks, never inside the engine. Sample points are positions in
 * the stream, chosen from its times alone, so a timeline is as deterministic as the counters it is read from.
 */
import type { Backend } from '../engine/backend.js';
import type { OpChunk, OpSource } from '../ops/source.js';
import { COUNTER_NAMES, type CounterName, liveLeaves } from '../spec/counters.js';
import { ORDER_1G, ORDER_2M, pagesOf } from '../spec/units.js';
import { TIMELINE_COLUMNS, type Timeline } from './results.js';

const PAGES_2M = pagesOf(ORDER_2M);
const PAGES_1G = pagesOf(ORDER_1G);
const POSITION = Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, i])) as Record<CounterName, number>;

export class TimelineSampler {
  /** Run up to here before the next sample; the source's length when none is left. */
  next: number;
  readonly #backend: Backend;
  readonly #length: number;
  readonly #positions: number[];
  readonly #axis: 't_us' | 'op';
  readonly #counters = new Float64Array(COUNTER_NAMES.length);
  readonly #rows: number[][] = [];
  #taken = 0;
  #time = 0;
  #timedTo = 0;

  constructor(backend: Backend, source: OpSource, points: number) {
    this.#backend = backend;
    this.#length = source.length;
    const span = timeSpan(source);
    this.#axis = span !== undefined && span.last > span.first ? 't_us' : 'op';
    this.#positions =
      span !== undefined && this.#axis === 't_us'
        ? positionsByTime(source, points, span)
        : positionsByOp(source.length, points);
    this.#time = span?.first ?? 0;
    this.next = this.#positions[0] ?? source.length;
  }

  /** Says that the ops of `chunk` before position `done` ran. To be called at the end of each chunk at least. */
  pass({ stream, start }: OpChunk, done: number): void {
    if (this.#axis === 'op' && stream.times === null) this.#timedTo = done;
    for (; this.#timedTo < done; this.#timedTo += 1) {
      const t = stream.time(this.#timedTo - start);
      if (t !== undefined && t > this.#time) this.#time = t;
    }
  }

  /** Reads the gauges after `done` ops. */
  sample(done: number): void {
    while (this.next <= done && this.#taken < this.#positions.length) {
      this.#taken += 1;
      this.next = this.#positions[this.#taken] ?? this.#length;
    }
    if (this.#rows.at(-1)?.[0] === done) return;
    this.#backend.counters(this.#counters);
    this.#rows.push(this.#row(done));
  }

  /** The timeline, with a last sample after `done` ops. */
  finish(done: number): Timeline {
    this.sample(done);
    return { axis: this.#axis, columns: TIMELINE_COLUMNS, rows: this.#rows };
  }

  #row(done: number): number[] {
    const of = (name: CounterName): number => this.#counters[POSITION[name]] as number;
    const left = (size: '4k' | '2m' | '1g'): number => of(`folios_allocated_${size}`) - of(`folios_freed_${size}`);
    const gmemPages = left('4k') + PAGES_2M * left('2m') + PAGES_1G * left('1g');
    const huge =
      PAGES_2M * (left('2m') - of('splits_2m') + of('merges_2m')) +
      PAGES_1G * (left('1g') - of('splits_1g') + of('merges_1g'));
    return [
      done,
      this.#time,
      of('host_pages_end'),
      gmemPages,
      of('host_pages_end') - gmemPages,
      huge,
      liveLeaves(of, '4k'),
      liveLeaves(of, '2m'),
      liveLeaves(of, '1g'),
      of('stranded_pages_end'),
      of('retained_pages_end'),
      of('metadata_bytes_modelled_end'),
    ];
  }
}

/** First and largest `t` of the ops; `undefined` when no op has one. */
export function timeSpan(source: OpSource): { first: number; last: number } | undefined {
  if (source.timed === false) return undefined;
  let first: number | undefined;
  let last = Number.NEGATIVE_INFINITY;
  for (const { stream } of source.chunks()) {
    for (let i = 0; i < stream.length; i += 1) {
      const t = stream.time(i);
      if (t === undefined) continue;
      first ??= t;
      if (t > last) last = t;
    }
  }
  return first === undefined ? undefined : { first, last };
}

/** Where, going through the ops, each of `points` equal steps of time has passed. */
function positionsByTime(source: OpSource, points: number, span: { first: number; last: number }): number[] {
  const step = (span.last - span.first) / points;
  const positions: number[] = [];
  let due = span.first + step;
  for (const { stream, start } of source.chunks()) {
    for (let i = 0; i < stream.length; i += 1) {
      const t = stream.time(i);
      if (t === undefined || t < due) continue;
      if (start + i > 0) positions.push(start + i);
      due = span.first + step * (Math.floor((t - span.first) / step) + 1);
    }
  }
  return positions;
}

function positionsByOp(length: number, points: number): number[] {
  const positions = new Set<number>();
  for (let i = 1; i <= points; i += 1) positions.add(Math.max(1, Math.round((length * i) / points)));
  return [...positions].filter((position) => position <= length);
}
