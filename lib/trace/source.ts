/**
 * The bytes of an input file, decompressed where they are gzip, in one pass: pipes work like files. The head is looked
 * at before the reader is chosen, and handed over again with the rest.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { inputError } from '../ops/problems.js';

/** Content looked at to tell a format: logs may begin with a lot of other lines. */
export const HEAD_BYTES = 4 << 20;

/** The path that means standard input; a file of that name is `./-`. */
const STDIN = '-';
const CHUNK_BYTES = 1 << 20;
const GZIP_MAGIC = [0x1f, 0x8b];

export interface Source {
  /** First bytes of the content, up to HEAD_BYTES or a chunk more. */
  readonly head: Uint8Array;
  readonly gzip: boolean;
  /** Size of the content, when it is known beforehand: of a regular file that is not compressed. */
  readonly sizeBytes: number | undefined;
  /** All content, head included; once. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Gives the file back without reading on. */
  close(): Promise<void>;
}

/** @throws GmemError `ERR_GMEM_INPUT` with the reason of the operating system, or what is wrong with the gzip data. */
export async function openSource(path: string): Promise<Source> {
  const raw = new Peeked(rawChunks(path));
  const begin = await raw.peek(GZIP_MAGIC.length);
  const gzip = GZIP_MAGIC.every((byte, i) => begin[i] === byte);
  const content = gzip ? new Peeked(gunzipped(path, raw.chunks())) : raw;
  const head = await content.peek(HEAD_BYTES);
  return {
    head,
    gzip,
    sizeBytes: gzip ? undefined : await regularSize(path),
    chunks: () => content.chunks(),
    close: () => content.close(),
  };
}

async function* rawChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    const file = path === STDIN ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    for await (const chunk of file) yield chunk as Uint8Array;
  } catch (error) {
    throw inputError(path, `cannot be read: ${reasonOf(error)}`, error);
  }
}

async function* gunzipped(path: string, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  pipeline(Readable.from(chunks, { objectMode: false }), gunzip, () => {});
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'Z_BUF_ERROR') throw inputError(path, 'gzip data ends too early, accepted: a complete file', error);
    if (code.startsWith('Z_')) throw inputError(path, `gzip data is damaged: ${(error as Error).message}`, error);
    throw error;
  }
}

async function regularSize(path: string): Promise<number | undefined> {
  if (path === STDIN) return undefined;
  try {
    const status = await stat(path);
    return status.isFile() ? status.size : undefined;
  } catch {
    return undefined;
  }
}

/** `no such file or directory` out of `ENOENT: no such file or directory, open 'x'`. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^E[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
}

/** Chunks of which the first can be looked at before they are consumed. */
class Peeked {
  readonly #chunks: AsyncGenerator<Uint8Array>;
  readonly #held: Uint8Array[] = [];

  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** At least `bytes` bytes, fewer at the end of the file. */
  async peek(bytes: number): Promise<Uint8Array> {
    let length = this.#held.reduce((sum, chunk) => sum + chunk.length, 0);
    while (length < bytes) {
      const next = await this.#chunks.next();
      if (next.done) break;
      this.#held.push(next.value);
      length += next.value.length;
    }
    return this.#held.length === 1 ? (this.#held[0] as Uint8Array) : Buffer.concat(this.#held);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (let chunk = this.#held.shift(); chunk !== undefined; chunk = this.#held.shift()) yield chunk;
      yield* this.#chunks;
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined);
  }
}
