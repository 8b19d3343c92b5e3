/**
 * ftrace's `trace` file, `trace-cmd report`, `perf script`: the kernel's view of the guest's faults.
 *
 * | event                                        | op                                                                   |
 * |----------------------------------------------|----------------------------------------------------------------------|
 * | kvm_page_fault, some access known as private | fault of the page; private if the error code has ENC (bit 34) or     |
 * |                                              | PRIVATE_ACCESS (bit 49), else shared; write by bit 1                 |
 * | kvm_page_fault, none known as private        | touch of the page: whoever traces a guest without encryption cannot  |
 * |                                              | say which kind its accesses would be                                 |
 * | kvm_rmp_fault                                | validate of 4K: KVM comes there when the guest validates one page of |
 * |                                              | a 2M RMP entry, and smashes it (rmp_level 1: another vCPU was first) |
 * | QEMU's events in trace_marker lines          | as in qemu-log.ts                                                    |
 *
 * The event prints no vCPU before Linux 6.1: then the thread's name tells it (`CPU 3/KVM`), or else the order in which
 * threads first appear. Both forms of the event: `vcpu 0 rip 0x0 address 0x0000000100002000 error_code 0x2`,
 * `address 100002000 error_code 2`.
 */

import { shown } from '../ops/problems.js';
import { blankFields, OpRecords } from '../ops/records.js';
import { OpStream } from '../ops/stream.js';
import { FLAG, OP_KIND } from '../spec/ops.js';
import { PAGE_BYTES } from '../spec/units.js';
import type { StreamReader, TraceFormat } from './format.js';
import { LogReader, type Stamp } from './log-reader.js';
import { parseQemuLine, QEMU_EVENTS } from './qemu-log.js';

/** Bits of the error code (PFERR_*); Intel's exit qualification has the same bit for a write. */
const WRITE = 1n << 1n;
const RMP = 1n << 31n;
const ENCRYPTED = 1n << 34n;
const PRIVATE_ACCESS = 1n << 49n;

/** Guest-physical addresses have at most 52 bits. */
const GPA_LIMIT = 2 ** 52;

const EVENT = /(?:(?<![\d.])(\d+)\.(\d+):\s+)?(?:\bkvm:)?(?<!\w)(kvm_page_fault|kvm_rmp_fault):\s+(?=vcpu |address )/;
const MARKER = /(?:(?<![\d.])(\d+)\.(\d+):\s+)?(?:tracing_mark_write|print):\s/;
const PAGE_FAULT =
  /(?:vcpu (\d+) )?(?:rip \S+ )?address (?:0x)?([0-9a-f]{1,16}) error_code (?:0x)?([0-9a-f]{1,16})(?!\w)/iy;
const RMP_FAULT =
  /vcpu (\d+) gpa (?:0x)?([0-9a-f]{1,16}) pfn \S+ error_code (?:0x)?([0-9a-f]{1,16}) rmp_level \d+ psmash_ret -?\d+/iy;
const ACCEPTED = {
  kvm_page_fault: 'vcpu N rip 0x… address 0x… error_code 0x…, or address … error_code …',
  kvm_rmp_fault: 'vcpu N gpa … pfn 0x… error_code 0x… rmp_level N psmash_ret N',
} as const;

function ftraceReader(file: string): StreamReader {
  const threads = new Map<string, number>();
  let kindsKnown = false;

  const threadVcpu = (line: string): number => {
    const named = /\bCPU (\d+)\/KVM/.exec(line);
    if (named !== null) return Number(named[1]);
    const thread = /[- ](\d+)\s+(?:\([^)]*\)\s+)?\[\d+\]/.exec(line)?.[1] ?? '';
    const known = threads.get(thread) ?? threads.size;
    threads.set(thread, known);
    return known;
  };

  const parse = (line: string, log: LogReader): void => {
    if (!line.includes('kvm_')) return;
    const match = EVENT.exec(line);
    if (match === null) {
      const marker = MARKER.exec(line);
      if (marker !== null && parseQemuLine(line, log, stampOf(marker)) > 0) kindsKnown = true;
      return;
    }
    const name = match[3] as keyof typeof ACCEPTED;
    const begin = match.index + match[0].length;
    const index = line.indexOf(name, match.index);
    const body = name === 'kvm_page_fault' ? PAGE_FAULT : RMP_FAULT;
    body.lastIndex = begin;
    const found = body.exec(line);
    if (found === null) {
      log.problem(index, name, `got ${shown(line.slice(begin))}, accepted: ${ACCEPTED[name]}`);
      return;
    }
    const address = Number.parseInt(found[2] as string, 16);
    if (address >= GPA_LIMIT) {
      const problem = `got address 0x${found[2]}, accepted: guest-physical ones, below 2^52 (with shadow paging they are virtual)`;
      log.problem(index, name, problem);
      return;
    }
    const vcpu = found[1] === undefined ? threadVcpu(line) : Number(found[1]);
    const code = BigInt(`0x${found[3]}`);
    const gpa = address - (address % PAGE_BYTES);
    if (name === 'kvm_rmp_fault') {
      kindsKnown = true;
      log.add({ op: 'validate', vcpu, gpa, size: PAGE_BYTES }, index, name, stampOf(match));
      return;
    }
    const isPrivate = (code & (ENCRYPTED | PRIVATE_ACCESS)) !== 0n;
    if (isPrivate || (code & RMP) !== 0n) kindsKnown = true;
    const access = isPrivate ? 'private' : 'shared';
    log.add({ op: 'fault', vcpu, gpa, access, write: (code & WRITE) !== 0n }, index, name, stampOf(match));
  };

  const events = `kvm_page_fault, kvm_rmp_fault, or ${QEMU_EVENTS} in trace_marker lines`;
  return new LogReader(file, events, parse, (stream) => (kindsKnown ? stream : faultsToTouches(stream)));
}

function stampOf(match: RegExpExecArray): Stamp | undefined {
  return match[1] === undefined ? undefined : { seconds: match[1], fraction: match[2] as string };
}

/** The same stream with every fault as a touch of its page. */
function faultsToTouches(stream: OpStream): OpStream {
  const touches = new OpStream(new OpRecords(stream.length));
  touches.times = stream.times;
  const op = blankFields();
  for (let i = 0; i < stream.length; i += 1) {
    stream.records.read(i, op);
    if (op.kind === OP_KIND.fault) {
      op.kind = OP_KIND.touch;
      op.flags &= FLAG.write;
      op.size = PAGE_BYTES;
    }
    touches.records.appendFields(op);
  }
  return touches;
}

export const FTRACE_FORMAT: TraceFormat = {
  name: 'ftrace',
  description: 'ftrace, trace-cmd or perf text with kvm_page_fault or kvm_rmp_fault lines',
  sniff: (head) =>
    head.search(
      /^# tracer: |(?<!\w)(?:kvm_page_fault:\s+(?:vcpu |address )|kvm_rmp_fault:\s+vcpu |tracing_mark_write: .{0,80}kvm_)/m,
    ),
  reader: ftraceReader,
};
