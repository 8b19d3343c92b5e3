/**
 * What a run of a stream needs of its host, read off the stream before anything runs.
 */

import type { OpSource } from '../ops/source.js';
import { surveyOf } from '../ops/survey.js';
import { MAX_MEMORY_BYTES } from '../spec/host-memory.js';
import { CREATE_FLAG, OP_KIND } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';

const GIB = 2 ** 30;

const READS = [OP_KIND['guest-read'], OP_KIND['host-read'], OP_KIND['vmm-read']];

const ALL_FLAGS = CREATE_FLAG.mmap | CREATE_FLAG['init-shared'];

/** A file opened with this size, or closed: size 0. */
export interface FileEvent {
  gmem: number;
  sizeBytes: number;
  /** Bits of `CREATE_FLAG`; 0 of a file closed. */
  flags: number;
}

export interface StreamNeeds {
  /** Sum of the sizes `create` ops ask for, those that cannot succeed left out. */
  guestBytes: number;
  /** Most bytes of these files that are open at one time. */
  guestBytesPeak: number;
  /** VMs files are made for. An id is never another VM's (docs/semantics.md section 2). */
  guests: number;
  /** Some op reads page contents. */
  readsContents: boolean;
  /** Files in the order they come and go; `create` ops that cannot succeed left out. */
  files: FileEvent[];
}

/** A size and flags that some design makes a file of. */
function canBeMade(size: number, flags: number): boolean {
  return size > 0 && size % PAGE_BYTES === 0 && flags >= 0 && flags <= ALL_FLAGS;
}

export function streamNeeds(source: OpSource): StreamNeeds {
  let guestBytes = 0;
  let guestBytesPeak = 0;
  let openBytes = 0;
  const open = new Map<number, number>();
  const guests = new Set<number>();
  const destroyed = new Set<number>();
  const files: FileEvent[] = [];
  const { counts, structural } = surveyOf(source);
  for (let i = 0; i < structural.length; i += 1) {
    const { kind, vm, gmem, size, extra } = structural.read(i);
    const sizeOpen = open.get(gmem);
    if (kind === OP_KIND.destroy) destroyed.add(vm);
    if (kind === OP_KIND.close && sizeOpen !== undefined) {
      files.push({ gmem, sizeBytes: 0, flags: 0 });
      open.delete(gmem);
      openBytes -= sizeOpen;
    }
    // EBADF, EEXIST, EINVAL, in the order an engine looks.
    if (kind !== OP_KIND.create || destroyed.has(vm) || sizeOpen !== undefined || !canBeMade(size, extra)) continue;
    files.push({ gmem, sizeBytes: size, flags: extra });
    open.set(gmem, size);
    guests.add(vm);
    guestBytes += size;
    openBytes += size;
    guestBytesPeak = Math.max(guestBytesPeak, openBytes);
  }
  const readsContents = READS.some((kind) => counts[kind] !== 0);
  return { guestBytes, guestBytesPeak, guests: guests.size, readsContents, files };
}

/**
 * Host memory of a run when the user gives none: twice the files, so that a design that keeps a private page and a shared
 * copy of everything still finds room, rounded up to 1 GiB, plus 1 GiB; at most the largest host there is, since a `create` of an absurd size is a legal op.
 */
export function defaultMemoryBytes(guestBytes: number): number {
  return Math.min(MAX_MEMORY_BYTES, Math.ceil((2 * guestBytes) / GIB) * GIB + GIB);
}
