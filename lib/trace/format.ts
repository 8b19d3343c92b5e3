/**
 * What a file format is to the rest of the project: how it is recognised, and how its bytes become an op stream.
 * A reader knows no engine. The list of formats is formats.ts.
 */
import type { OpStream } from '../ops/stream.js';

/** Fed a file's bytes (decompressed) as they come. Nothing but a GmemError `ERR_GMEM_INPUT` is thrown. */
export interface StreamReader {
  push(chunk: Uint8Array): void;
  /** The whole stream; every problem of the file at once. */
  finish(): OpStream;
}

export interface TraceFormat {
  /** Name for `--input-format`. */
  readonly name: string;
  /** One line for people: what such a file is. */
  readonly description: string;
  /**
   * Where in the head of a file this format shows itself first, -1 if nowhere. The format seen first wins.
   *
   * @param head the first bytes of the content, one character a byte.
   */
  sniff(head: string): number;
  /**
   * @param file name shown in error messages.
   * @param sizeBytes size of the content, when it is known beforehand.
   */
  reader(file: string, sizeBytes?: number): StreamReader;
}
