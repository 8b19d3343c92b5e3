/**
 * Writes ops to a file; the name's end says in which form. The file is complete or not there: it is written
 * under another name beside it first.
 */
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { GmemError } from '../engine/error.js';
import { jsonlChunks } from '../ops/jsonl.js';
import { packedChunks } from '../ops/packed.js';
import { gathered, type OpSource } from '../ops/source.js';
import { reasonOf } from './source.js';

interface OutputForm {
  readonly extension: string;
  chunks(source: OpSource): Iterable<string | Uint8Array>;
  readonly transforms: () => Transform[];
}

/** Forms by the end of the file name. */
const OUTPUT_FORMS: readonly OutputForm[] = [
  { extension: '.jsonl', chunks: jsonlChunks, transforms: () => [] },
  { extension: '.jsonl.gz', chunks: jsonlChunks, transforms: () => [createGzip()] },
  { extension: '.gmt', chunks: (source) => packedChunks(gathered(source)), transforms: () => [] },
];

export const OUTPUT_EXTENSIONS: readonly string[] = OUTPUT_FORMS.map(({ extension }) => extension);

/**
 * Writes ops to `path`; as JSON lines without holding them all.
 *
 * @throws GmemError `ERR_GMEM_ARGUMENT` for an unknown extension, or with the reason of the operating system.
 */
export async function writeStream(ops: OpSource, path: string): Promise<void> {
  const form = OUTPUT_FORMS.find(({ extension }) => path.endsWith(extension));
  if (form === undefined) {
    throw new GmemError(
      'ERR_GMEM_ARGUMENT',
      `${path}: unknown kind of output, accepted: names that end in ${OUTPUT_EXTENSIONS.join(', ')}`,
    );
  }
  const scratch = (await isSpecial(path)) ? path : `${path}.${process.pid}.part`;
  try {
    const source = Readable.from(form.chunks(ops), { objectMode: false });
    await pipeline([source, ...form.transforms(), createWriteStream(scratch)]);
    if (scratch !== path) await rename(scratch, path);
  } catch (error) {
    if (scratch !== path) await rm(scratch, { force: true });
    throw new GmemError('ERR_GMEM_ARGUMENT', `${path}: cannot be written: ${reasonOf(error)}`, { cause: error });
  }
}

/** Something that is there and no plain file: a device, a pipe, a directory. */
async function isSpecial(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isFile();
  } catch {
    return false;
  }
}
