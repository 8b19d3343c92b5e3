/**
 * What a file format is to the rest of the project: how it is recognised, and how its bytes become an op stream.
 * A reader knows no engine. The list of formats is formats.ts.
 */
import type { OpSource } from '../ops/source.js';
import type { PolicyInput } from '../policy/policy.js';
import type { Arch } from '../spec/knobs.js';
import type { Setting } from './setting.js';

/** Fed a file's bytes (decompressed) as they come. Nothing but a GmemError `ERR_GMEM_INPUT` is thrown. */
export interface StreamReader {
  push(chunk: Uint8Array): void;
  /** All ops; every problem of the file at once. */
  finish(): OpSource;
  /** After `finish`: what the file says of the run it wants, beside ops. */
  readonly wishes?: RunWishes;
}

/** What a run of an input is to be like where the user does not say otherwise. Policies are as lib/policy takes them. */
export interface RunWishes {
  readonly policies?: readonly PolicyInput[] | undefined;
  readonly arch?: Arch | undefined;
  readonly seed?: number | undefined;
  /** Simulated host memory, bytes. */
  readonly memoryBytes?: number | undefined;
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
   * @param settings for a format with `takesSettings`.
   */
  reader(file: string, sizeBytes?: number, settings?: readonly Setting[]): StreamReader | Promise<StreamReader>;
  /**
   * Opens a large regular file, not compressed, to be gone through where it is. `undefined`: it has to be read by `reader`.
   * What is wrong with the file is told in the same words.
   */
  open?(file: string): Promise<OpSource | undefined>;
  /** Keys of such a file can be set from outside. */
  readonly takesSettings?: true;
}
