/**
 * QEMU's trace log: what the VMM was asked to do with guest memory. Lines of QEMU's `log` backend, with or without the
 * `PID@SECONDS.MICROSECONDS:` prefix, anywhere in a line, among any other lines.
 *
 * | line                                                  | op                                                         |
 * |-------------------------------------------------------|------------------------------------------------------------|
 * | kvm_convert_memory start size shared_to_private       | convert                                                    |
 * | kvm_memory_fault start size flags                     | fault, private if flag bit 3 is set: the access the        |
 * |                                                       | attributes refused, which is how KVM comes to this exit    |
 * | kvm_sev_snp_launch_update src gpa len (Zero page)     | populate; the page type is kept as `note`. The bytes are   |
 * |                                                       | not in the log: fill is 0                                  |
 * | kvm_sev_change_state launch-update -> running         | finalize                                                   |
 *
 * The log tells no vCPU and, of a fault, not whether it wrote: vcpu is 0, write false.
 */
import type { Quantity } from '../ops/builder.js';
import { shown } from '../ops/problems.js';
import type { TraceFormat } from './format.js';
import { LogReader, type Stamp } from './log-reader.js';

/** KVM_MEMORY_EXIT_FLAG_PRIVATE: the guest's access was private. */
const FLAG_PRIVATE = 1n << 3n;

const HEX = '0x[0-9a-fA-F]{1,16}';

interface Event {
  /** The event's first word after the name: without it the name is only mentioned. */
  readonly opening: string;
  readonly body: RegExp;
  readonly accepted: string;
  add(log: LogReader, found: RegExpExecArray, index: number, name: string, stamp: Stamp | undefined): void;
}

const EVENTS: Readonly<Record<string, Event>> = {
  kvm_convert_memory: {
    opening: 'start ',
    body: new RegExp(`start (${HEX}) size (${HEX}) (shared_to_private|private_to_shared)(?!\\w)`, 'y'),
    accepted: 'start 0x… size 0x… shared_to_private or private_to_shared',
    add: (log, [, gpa, size, direction], index, name, stamp) => {
      const to = direction === 'shared_to_private' ? 'private' : 'shared';
      log.add({ op: 'convert', gpa: gpa as Quantity, size: size as Quantity, to }, index, name, stamp);
    },
  },
  kvm_memory_fault: {
    opening: 'start ',
    body: new RegExp(`start (${HEX}) size (${HEX}) flags (${HEX})(?!\\w)`, 'y'),
    accepted: 'start 0x… size 0x… flags 0x…',
    add: (log, [, gpa, , flags], index, name, stamp) => {
      const access = (BigInt(flags as string) & FLAG_PRIVATE) === 0n ? 'shared' : 'private';
      log.add({ op: 'fault', gpa: gpa as Quantity, access }, index, name, stamp);
    },
  },
  kvm_sev_snp_launch_update: {
    opening: 'src ',
    body: new RegExp(`src \\S+ gpa (${HEX}) len (${HEX}) \\((\\w+) page\\)`, 'y'),
    accepted: 'src … gpa 0x… len 0x… (Normal page), or another page type',
    add: (log, [, gpa, size, type], index, name, stamp) => {
      const note = `${(type as string).toLowerCase()} page`;
      log.add({ op: 'populate', gpa: gpa as Quantity, size: size as Quantity, note }, index, name, stamp);
    },
  },
  kvm_sev_change_state: {
    opening: 'launch-update -> running',
    body: /launch-update -> running/y,
    accepted: 'launch-update -> running',
    add: (log, _found, index, name, stamp) => log.add({ op: 'finalize' }, index, name, stamp),
  },
};

const NAMES = Object.keys(EVENTS);
const NAME = new RegExp(`(?:(?<!\\d)\\d+@(\\d+)\\.(\\d+):)?(?<!\\w)(${NAMES.join('|')}) `, 'g');

/**
 * Takes every QEMU event of a line.
 *
 * @param stamp the time of the line, for events without a prefix of their own.
 * @returns how many there were.
 */
export function parseQemuLine(line: string, log: LogReader, stamp?: Stamp): number {
  if (!line.includes('kvm_')) return 0;
  let events = 0;
  for (const match of line.matchAll(NAME)) {
    const name = match[3] as string;
    const event = EVENTS[name] as Event;
    const begin = match.index + match[0].length;
    if (!line.startsWith(event.opening, begin)) continue;
    events += 1;
    event.body.lastIndex = begin;
    const found = event.body.exec(line);
    const index = begin - name.length - 1;
    if (found === null) log.problem(index, name, `got ${shown(line.slice(begin))}, accepted: ${event.accepted}`);
    else event.add(log, found, index, name, ownStamp(match) ?? stamp);
  }
  return events;
}

function ownStamp(match: RegExpMatchArray): Stamp | undefined {
  return match[1] === undefined ? undefined : { seconds: match[1], fraction: match[2] as string };
}

export const QEMU_EVENTS = NAMES.join(', ');

export const QEMU_FORMAT: TraceFormat = {
  name: 'qemu',
  description: 'QEMU trace log with kvm_convert_memory lines',
  sniff: (head) =>
    head.search(/(?<!\w)(?:kvm_convert_memory start 0x|kvm_memory_fault start 0x|kvm_sev_snp_launch_update src )/),
  reader: (file) => new LogReader(file, QEMU_EVENTS, parseQemuLine),
};
