/**
 * Ops as something to go through, any number of times: a whole stream in memory, or one that is made while it is read, a
 * bounded chunk at a time. Who only goes through ops takes a source, so that a stream need not fit in memory.
 */
import { OpStream } from './stream.js';
import type { Survey } from './survey.js';

/** Consecutive ops. The stream is only lent: it may be filled anew for the next chunk. */
export interface OpChunk {
  readonly stream: OpStream;
  /** Position in the source of the chunk's first op. */
  readonly start: number;
}

export interface OpSource {
  /** Ops in all. */
  readonly length: number;
  /** What the ops are made of, where that is known without going through them. */
  readonly survey?: Survey | undefined;
  /** False: no op carries a time. */
  readonly timed?: boolean;
  /** Its `create` and `bind` ops make the guests that all others are about: refused, they leave nothing to run. */
  readonly makesGuests?: true;
  /** Every op, in order, from the first; each call goes through the same ops. */
  chunks(): Iterable<OpChunk>;
  /** The same, each chunk fetched while the one before it is used, where there is something to fetch. */
  chunksAhead?(): AsyncIterable<OpChunk>;
}

/** All ops of a source as one stream in memory; a stream is itself. @throws RangeError beyond MAX_RECORDS. */
export function gathered(source: OpSource): OpStream {
  if (source instanceof OpStream) return source;
  const whole = new OpStream();
  whole.records.reserve(source.length);
  for (const { stream, start } of source.chunks()) {
    whole.records.appendAll(stream.records);
    for (let i = 0; i < stream.length; i += 1) {
      const t = stream.time(i);
      if (t !== undefined) whole.setTime(start + i, t);
    }
    for (const [i, notes] of stream.notes) whole.notes.set(start + i, notes);
  }
  return whole;
}
