/**
 * SHA-256 of an input file as it stands on disk, as `sha256sum` prints it. A large one is digested by a thread of its own, so
 * that the engine does not wait.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';

/** Below it, starting a thread takes longer. */
const THREAD_BYTES = 32 << 20;
const CHUNK_BYTES = 1 << 20;

/** Hex digest; `undefined` for what is not a plain file (a pipe can be read only once, `-` is standard input). */
export async function fileDigest(path: string): Promise<string | undefined> {
  if (path === '-') return undefined;
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  return found.size < THREAD_BYTES ? digest(path) : digestElsewhere(path);
}

/** Hex digest of a plain file, here and now. */
export async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), hash);
  return hash.digest('hex');
}

function digestElsewhere(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./digest-thread.js', import.meta.url), { workerData: path });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
