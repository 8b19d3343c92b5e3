/**
 * Opens an input: tells its format, reads its ops, and gives a trace without memory the memory it needs.
 */
import { inputError } from '../ops/problems.js';
import { MAX_RECORDS } from '../ops/records.js';
import { gathered, type OpSource } from '../ops/source.js';
import type { OpStream } from '../ops/stream.js';
import { type Extent, extentOf } from './extent.js';
import { fitStream, lacksMemory } from './fit.js';
import type { RunWishes, TraceFormat } from './format.js';
import { acceptedFormats, TRACE_FORMATS } from './formats.js';
import { asSetting, type Setting } from './setting.js';
import { HEAD_BYTES, openSource } from './source.js';

export interface Input {
  readonly path: string;
  /** Name of the format, and what it is in words. */
  readonly format: string;
  readonly description: string;
  readonly gzip: boolean;
  /** All ops, for who goes through them: those of a scenario are made, those of a large packed file read, while they are. */
  readonly ops: OpSource;
  /**
   * All ops in memory.
   *
   * @throws GmemError `ERR_GMEM_INPUT` when a scenario has more than a stream holds.
   */
  readonly stream: OpStream;
  /** Keys of a scenario that were set from outside before its ops were made, `key.path=value` each; its seed is not among them. */
  readonly set: readonly string[];
  /** What the input says of the run it wants. */
  readonly wishes: RunWishes;
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
  /** `key.path=value` each, for an input that has settings: a scenario. */
  readonly settings?: readonly string[];
  /** Makes the ops of a scenario in place of its own; of other inputs nothing depends on a seed. 32 bits. */
  readonly seed?: number | undefined;
}

/** The same, with settings that may say which option they came by. */
export interface OpenOptions extends Omit<InputOptions, 'settings'> {
  readonly settings?: readonly Setting[] | undefined;
}

/**
 * Reads a file.
 *
 * @throws GmemError `ERR_GMEM_INPUT`: the file cannot be read, is of no known format, or has problems (all of them in
 *   `problems`).
 */
export async function openInput(path: string, options: OpenOptions = {}): Promise<Input> {
  const forced = options.format === undefined ? undefined : formatNamed(path, options.format);
  const source = await openSource(path);
  let ops: OpSource;
  let wishes: RunWishes = {};
  let format: TraceFormat;
  const settings = options.settings ?? [];
  try {
    format = forced ?? sniffFormat(path, source.head);
    if (forced?.takesSettings) checkNoStream(path, forced, source.head);
    if (settings.length > 0 && format.takesSettings !== true) {
      throw inputError(path, `has no settings: it is ${format.description}, accepted: a scenario`);
    }
    const opened = await openInPlace(path, format, source.sizeBytes);
    if (opened === undefined) {
      const seed = format.takesSettings ? seedSetting(options.seed) : [];
      const reader = await format.reader(path, source.sizeBytes, [...seed, ...settings]);
      for await (const chunk of source.chunks()) reader.push(chunk);
      ops = reader.finish();
      wishes = reader.wishes ?? {};
    } else ops = opened;
  } finally {
    await source.close();
  }
  const own = extentOf(ops);
  // A scenario makes its own memory.
  const fitting = options.fit !== false && format.takesSettings !== true && lacksMemory(own);
  const fit = fitting ? fitStream(gathered(ops), own) : { stream: ops, fitted: false };
  const extent = fit.fitted ? extentOf(fit.stream) : own;
  const set = settings.map((setting) => asSetting(setting).text);
  return new OpenedInput(path, format, source.gzip, fit.stream, set, wishes, fit.fitted, extent);
}

function seedSetting(seed: number | undefined): Setting[] {
  return seed === undefined ? [] : [{ text: `machine.seed=${seed}`, label: '--seed' }];
}

/** From here on a file is gone through where it is, if its format can: memory for it would cost more than reading it again. */
const IN_PLACE_BYTES = 16 << 20;

async function openInPlace(
  path: string,
  format: TraceFormat,
  sizeBytes: number | undefined,
): Promise<OpSource | undefined> {
  return sizeBytes === undefined || sizeBytes < IN_PLACE_BYTES ? undefined : format.open?.(path);
}

class OpenedInput implements Input {
  readonly format: string;
  readonly description: string;
  readonly guestBytes: number;
  #stream: OpStream | undefined;

  constructor(
    readonly path: string,
    format: TraceFormat,
    readonly gzip: boolean,
    readonly ops: OpSource,
    readonly set: readonly string[],
    readonly wishes: RunWishes,
    readonly fitted: boolean,
    readonly extent: Extent,
  ) {
    this.format = format.name;
    this.description = format.description;
    this.guestBytes = extent.boundBytes || extent.fileBytes;
  }

  get stream(): OpStream {
    if (this.#stream === undefined) {
      if (this.ops.length > MAX_RECORDS) {
        throw inputError(this.path, `has ${this.ops.length} ops, accepted here: ${MAX_RECORDS} that fit in memory`);
      }
      this.#stream = gathered(this.ops);
    }
    return this.#stream;
  }
}

function formatNamed(path: string, name: string): TraceFormat {
  const format = TRACE_FORMATS.find((candidate) => candidate.name === name);
  if (format === undefined) {
    throw inputError(path, `unknown input format ${JSON.stringify(name)}, accepted: ${acceptedFormats()}`);
  }
  return format;
}

/** Begin of a file in which it may show what it is. */
const BEGIN_BYTES = 4096;

function begins(head: Uint8Array, bytes: number): string {
  return Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, bytes)).toString('latin1');
}

/** A file of another format says nothing as YAML but that it is none. */
function checkNoStream(path: string, scenario: TraceFormat, head: Uint8Array): void {
  const begin = begins(head, BEGIN_BYTES);
  const other = TRACE_FORMATS.find((format) => format !== scenario && format.sniff(begin) === 0);
  if (other === undefined || scenario.sniff(begin) >= 0) return;
  throw inputError(
    path,
    `is no scenario: it is ${other.description}, accepted: a scenario; gmem compare and gmem replay take every format`,
  );
}

function sniffFormat(path: string, head: Uint8Array): TraceFormat {
  if (head.length === 0) throw inputError(path, `is empty, accepted: ${acceptedFormats()}`);
  // Most files show what they are at once; a log has to be searched.
  const begin = begins(head, BEGIN_BYTES);
  const evident = TRACE_FORMATS.find((format) => format.sniff(begin) === 0);
  if (evident !== undefined) return evident;
  const text = begins(head, HEAD_BYTES);
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
