/**
 * A trace that creates and binds nothing gets one VM's memory: one gmem file and one slot from gpa 0 that reach over
 * every address it names, rounded up to 1 GiB.
 *
 * One slot on purpose. On a PC, RAM pauses below 4 GiB for the devices and goes on above; a log shows no layout, so the
 * slot lies over that hole too. The pages of the hole are never used, and cost nothing: a gmem file is sparse. gpa and
 * file offset are the same number, so huge pages are as aligned as the guest's own addresses.
 */
import { OpRecords } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import { OP_KIND } from '../spec/ops.js';
import type { Extent } from './extent.js';

const GIB = 2 ** 30;

export interface Fit {
  readonly stream: OpStream;
  readonly fitted: boolean;
}

/** Whether ops have no memory: they name some reachable address, and none of them creates or binds. */
export function needsMemory({ ops, gpaEnd, offsetEnd }: Extent): boolean {
  return ops.create === undefined && ops.bind === undefined && Math.max(gpaEnd, offsetEnd) > 0;
}

/** Whether that can be given to them: they name one VM and one file at most. Which of several would own the memory? */
export function lacksMemory(extent: Extent): boolean {
  return needsMemory(extent) && extent.vms.length <= 1 && extent.gmems.length <= 1;
}

/** @returns the stream itself if it does not lack memory, else a new one that begins with create and bind. */
export function fitStream(stream: OpStream, extent: Extent): Fit {
  if (!lacksMemory(extent)) return { stream, fitted: false };
  const end = Math.max(extent.gpaEnd, extent.offsetEnd);
  const vm = extent.vms[0] ?? 0;
  const gmem = extent.gmems[0] ?? 0;
  const size = Math.ceil(end / GIB) * GIB;
  const records = new OpRecords(stream.length + 2);
  records.append(OP_KIND.create, 0, 0, vm, gmem, 0, 0, size, 0);
  records.append(OP_KIND.bind, 0, 0, vm, gmem, 0, 0, size, 0);
  records.appendAll(stream.records);
  const fitted = new OpStream(records);
  for (let i = 0; i < stream.length; i += 1) {
    const t = stream.time(i);
    if (t !== undefined) fitted.setTime(i + 2, t);
  }
  for (const [i, notes] of stream.notes) fitted.notes.set(i + 2, notes);
  return { stream: fitted, fitted: true };
}
