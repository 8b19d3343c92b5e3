/**
 * What a run of a stream needs of its host, read off the stream before anything runs.
 */
import type { OpSource } from '../ops/source.js';
import { surveyOf } from '../ops/survey.js';
import { OP_KIND } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';

const GIB = 2 ** 30;
/** No more than this unless asked for: a `create` of an absurd size is a legal op. */
const DEFAULT_MEMORY_CAP = 8 * 1024 * GIB;

const READS = [OP_KIND['guest-read'], OP_KIND['host-read'], OP_KIND['vmm-read']];

/** A file opened with this size, or closed: size 0. */
export interface FileEvent {
  gmem: number;
  sizeBytes: number;
  /** Bits of `CREATE_FLAG`, others too; 0 of a file closed. */
  flags: number;
}

export interface StreamNeeds {
  /** Sum of the sizes `create` ops ask for, those that cannot succeed left out. */
  guestBytes: number;
  /** Some op reads page contents. */
  readsContents: boolean;
  /** Files in the order they come and go; `create` ops that cannot succeed left out. */
  files: FileEvent[];
}

export function streamNeeds(source: OpSource): StreamNeeds {
  let guestBytes = 0;
  const files: FileEvent[] = [];
  const { counts, structural } = surveyOf(source);
  for (let i = 0; i < structural.length; i += 1) {
    const { kind, gmem, size, extra } = structural.read(i);
    if (kind === OP_KIND.close) files.push({ gmem, sizeBytes: 0, flags: 0 });
    if (kind !== OP_KIND.create || !(size > 0 && size % PAGE_BYTES === 0)) continue;
    guestBytes += size;
    files.push({ gmem, sizeBytes: size, flags: extra });
  }
  return { guestBytes, readsContents: READS.some((kind) => counts[kind] !== 0), files };
}

/**
 * Host memory of a run when the user gives none: twice the files, so that a design that keeps a private page and a shared
 * copy of everything still finds room, rounded up to 1 GiB, plus 1 GiB; at most 8 TiB.
 */
export function defaultMemoryBytes(guestBytes: number): number {
  return Math.min(DEFAULT_MEMORY_CAP, Math.ceil((2 * guestBytes) / GIB) * GIB + GIB);
}
