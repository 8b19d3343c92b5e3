/**
 * Opens an input: tells its format, reads it into an op stream, and gives a trace without memory the memory it needs.
 */
import { inputError } from '../ops/problems.js';
import type { OpStream } from '../ops/stream.js';
import { type Extent, extentOf } from './extent.js';
import { fitStream } from './fit.js';
import type { TraceFormat } from './format.js';
import { acceptedFormats, TRACE_FORMATS } from './formats.js';
import { HEAD_BYTES, openSource } from './source.js';

export interface Input {
  readonly path: string;
  /** Name of the format, and what it is in words. */
  readonly format: string;
  readonly description: string;
  readonly gzip: boolean;
  readonly stream: OpStream;
  /** The stream was given a VM's memory (fit.ts): its first two ops are not in the file. */
  readonly fitted: boolean;
  /** Guest memory in bytes: what is bound to slots at most; without binds, the gmem files open at most. */
  readonly guestBytes: number;
  readonly extent: Extent;
}

export interface InputOptions {
  /** Name of a format; told by content if left out. */
  readonly format?: string;
  /** Give a trace without create and bind its memory (default true). */
  readonly fit?: boolean;
}

/**
 * Reads a file.
 *
 * @throws GmemError `ERR_GMEM_INPUT`: the file cannot be read, is of no known format, or has problems (all of them in
 *   `problems`).
 */
export async function openInput(path: string, options: InputOptions = {}): Promise<Input> {
  const forced = options.format === undefined ? undefined : formatNamed(path, options.format);
  const source = await openSource(path);
  let stream: OpStream;
  let format: TraceFormat;
  try {
    format = forced ?? sniffFormat(path, source.head);
    const reader = format.reader(path, source.sizeBytes);
    for await (const chunk of source.chunks()) reader.push(chunk);
    stream = reader.finish();
  } finally {
    await source.close();
  }
  const own = extentOf(stream);
  const fit = options.fit === false ? { stream, fitted: false } : fitStream(stream, own);
  const extent = fit.fitted ? extentOf(fit.stream) : own;
  return {
    path,
    format: format.name,
    description: format.description,
    gzip: source.gzip,
    stream: fit.stream,
    fitted: fit.fitted,
    guestBytes: extent.boundBytes || extent.fileBytes,
    extent,
  };
}

function formatNamed(path: string, name: string): TraceFormat {
  const format = TRACE_FORMATS.find((candidate) => candidate.name === name);
  if (format === undefined) {
    throw inputError(path, `unknown input format ${JSON.stringify(name)}, accepted: ${acceptedFormats()}`);
  }
  return format;
}

function sniffFormat(path: string, head: Uint8Array): TraceFormat {
  if (head.length === 0) throw inputError(path, `is empty, accepted: ${acceptedFormats()}`);
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, HEAD_BYTES)).toString('latin1');
  let best: TraceFormat | undefined;
  let first = Number.POSITIVE_INFINITY;
  for (const format of TRACE_FORMATS) {
    const at = format.sniff(text);
    if (at >= 0 && at < first) {
      best = format;
      first = at;
    }
    if (first === 0) break;
  }
  if (best === undefined) throw inputError(path, `is of no known format, accepted: ${acceptedFormats()}`);
  return best;
}
