import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeOp } from '../../lib/ops/encode.js';
import { gathered } from '../../lib/ops/source.js';
import type { StreamReader, TraceFormat } from '../../lib/trace/format.js';
import { FTRACE_FORMAT } from '../../lib/trace/ftrace.js';
import { QEMU_FORMAT } from '../../lib/trace/qemu-log.js';
import { problemsOf, takesOrRefuses } from '../support/input-error.js';

function read(format: TraceFormat, text: string | Uint8Array): Record<string, unknown>[] {
  const reader = format.reader('f.log') as StreamReader;
  reader.push(typeof text === 'string' ? Buffer.from(text) : text);
  const stream = gathered(reader.finish());
  return Array.from({ length: stream.length }, (_, i) => decodeOp(stream, i));
}

const convert = { op: 'convert', vm: 0, vcpu: 0 };
const fault = { op: 'fault', vm: 0, map: true };
const populate = { op: 'populate', vm: 0, fill: 0, source: 'present' };

test('QEMU: events in mid-line, with and without prefix, among other lines', () => {
  const log = [
    'qemu-system-x86_64: warning: memory fault: GPA 0x4000000 size 0x1000 flags 0x8 kvm_convert_memory start 0x4000000 size 0x1000 shared_to_private',
    'KVM: unknown exit reason 24 EAX=00000000',
    '12@1734000000.999999:kvm_convert_memory start 0x5000 size 0x200000 private_to_shared',
    '\u00ff\u0000 rubbish -trace kvm_convert_memory -trace kvm_memory_fault=on',
    '12@1734000001.000001:kvm_memory_fault start 0x5000 size 0x1000 flags 0x8',
    '12@1734000001.000002:kvm_memory_fault start 0x6000 size 0x1000 flags 0x0\r',
    'kvm_memory_fault start 0x1000 size 0x1000 flags 0x0kvm_other kvm_memory_fault start 0x2000 size 0x1000 flags 0x0',
    'xkvm_convert_memory start 0x0 size 0x1000 private_to_shared',
  ];
  assert.match(problemsOf(() => read(QEMU_FORMAT, log.join('\n')))[0] ?? '', /^f\.log:7:1: kvm_memory_fault: got /);
  assert.deepEqual(read(QEMU_FORMAT, log.filter((_, i) => i !== 6).join('\n')), [
    { ...convert, gpa: 0x4000000, size: 4096, to: 'private' },
    { ...convert, gpa: 0x5000, size: 2 ** 21, to: 'shared', t: 0 },
    { ...fault, vcpu: 0, gpa: 0x5000, access: 'private', write: false, t: 2 },
    { ...fault, vcpu: 0, gpa: 0x6000, access: 'shared', write: false, t: 3 },
  ]);
});

test('QEMU: the launch pages of a public log, and the end of the launch', () => {
  const log = `kvm_sev_snp_launch_update src 0x7b8e38400000 gpa 0xffc00000 len 0x400000 (Normal page)
kvm_sev_snp_launch_update src (nil) gpa 0x800000 len 0x9000 (Zero page)
kvm_sev_snp_launch_update src 0x7b8e3840a000 gpa 0x80d000 len 0x1000 (Secrets page)
kvm_sev_snp_launch_update src 0x7b8e3840b000 gpa 0x80e000 len 0x1000 (Cpuid page)
kvm_sev_change_state uninit -> launch-update
kvm_sev_change_state launch-update -> running
`;
  assert.deepEqual(read(QEMU_FORMAT, log), [
    { ...populate, gpa: 0xffc00000, size: 0x400000, note: 'normal page' },
    { ...populate, gpa: 0x800000, size: 0x9000, note: 'zero page' },
    { ...populate, gpa: 0x80d000, size: 0x1000, note: 'secrets page' },
    { ...populate, gpa: 0x80e000, size: 0x1000, note: 'cpuid page' },
    { op: 'finalize', vm: 0 },
  ]);
});

test('QEMU: every damaged event is told by place; a log without events is refused', () => {
  const log = `kvm_convert_memory start 0x1000 size 0x1000 private_to_shared
  kvm_convert_memory start 0x1000 size 4096 private_to_shared
kvm_convert_memory start 0x1000 size 0x1000 private_to_shar
kvm_convert_memory start 0xffffffffffffffff size 0x1000 private_to_shared
kvm_memory_fault start 0x`;
  assert.deepEqual(
    problemsOf(() => read(QEMU_FORMAT, log)).map((line) => line.split(', accepted')[0]),
    [
      'f.log:2:3: kvm_convert_memory: got "start 0x1000 size 4096 private_to_shared"',
      'f.log:3:1: kvm_convert_memory: got "start 0x1000 size 0x1000 private_to_shar"',
      'f.log:4:1: kvm_convert_memory: gpa: got "0xffffffffffffffff"',
      'f.log:5:1: kvm_memory_fault: got "start 0x"',
    ],
  );
  assert.match(
    problemsOf(() => read(QEMU_FORMAT, 'hello\n'))[0] ?? '',
    /^f\.log: has no event, accepted: lines with kvm_/,
  );
});

test('ftrace: an encrypted guest, in the forms of trace, trace-cmd and perf', () => {
  const log = `# tracer: nop
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
     CPU 0/KVM-4242    [003] d..2.   100.000100: kvm_page_fault: vcpu 0 rip 0x0 address 0x0000000100002010 error_code 0x400000006
     CPU 2/KVM-4244  ( 4240) [001] d..2.   100.000103: kvm_page_fault: vcpu 2 rip 0x0 address 0x0000000000003000 error_code 0x4
 CPU 1/KVM-4243  [000]   100.000200500: kvm_rmp_fault:        vcpu 1 gpa 0000000100002abc pfn 0x1f02 error_code 0x900000004 rmp_level 2 psmash_ret 0
 CPU 1/KVM  4243 [000]   100.000300: kvm:kvm_page_fault: vcpu 1 rip 0x0 address 0x0000000000004000 error_code 0x2000000000000
     qemu-4240    [001] .....   100.000400: tracing_mark_write: kvm_convert_memory start 0x3000 size 0x1000 private_to_shared
     CPU 0/KVM-4242    [003] d..2.   100.000500: kvm_entry: vcpu 0, rip 0x0
`;
  assert.deepEqual(read(FTRACE_FORMAT, log), [
    { ...fault, vcpu: 0, gpa: 0x100002000, access: 'private', write: true, t: 0 },
    { ...fault, vcpu: 2, gpa: 0x3000, access: 'shared', write: false, t: 3 },
    { op: 'validate', vm: 0, vcpu: 1, gpa: 0x100002000, size: 4096, t: 100.5 },
    { ...fault, vcpu: 1, gpa: 0x4000, access: 'private', write: false, t: 200 },
    { ...convert, gpa: 0x3000, size: 4096, to: 'shared', t: 300 },
  ]);
});

test('ftrace: a guest without encryption touches; before Linux 6.1 the thread tells the vCPU', () => {
  const log = `
 qemu-system-x86-777   [000] ....  5.000001: kvm_page_fault: address 100002fff error_code 2
 qemu-system-x86-778   [000] ....  5.000002: kvm_page_fault: address fee00000 error_code 0
 qemu-system-x86-777   [000] ....  5.000003: kvm_page_fault: address 0 error_code 14
       CPU 9/KVM-779   [000] ....  5.000004: kvm_page_fault: address 1000 error_code 4
`;
  const touch = { op: 'touch', vm: 0 };
  assert.deepEqual(read(FTRACE_FORMAT, log), [
    { ...touch, vcpu: 0, gpa: 0x100002000, write: true, t: 0 },
    { ...touch, vcpu: 1, gpa: 0xfee00000, write: false, t: 1 },
    { ...touch, vcpu: 0, gpa: 0, write: false, t: 2 },
    { ...touch, vcpu: 9, gpa: 0x1000, write: false, t: 3 },
  ]);
});

test('ftrace: damaged events and guest-virtual addresses are told by place', () => {
  const log = ` a-1 [000] 5.000001: kvm_page_fault: vcpu 0 rip 0x0 address 0xffff888000001000 error_code 0x2
 a-1 [000] 5.000002: kvm_page_fault: vcpu 0 rip 0x0 address
 a-1 [000] 5.000003: kvm_page_fault: vcpu 70000 rip 0x0 address 0x0 error_code 0x0
 a-1 [000] 5.000004: kvm_rmp_fault: vcpu 0 gpa 0 pfn 0x0 error_code 0x0`;
  assert.deepEqual(
    problemsOf(() => read(FTRACE_FORMAT, log)).map((line) => line.split(', accepted')[0]),
    [
      'f.log:1:22: kvm_page_fault: got address 0xffff888000001000',
      'f.log:2:22: kvm_page_fault: got "vcpu 0 rip 0x0 address"',
      'f.log:3:22: kvm_page_fault: vcpu: got 70000',
      'f.log:4:22: kvm_rmp_fault: got "vcpu 0 gpa 0 pfn 0x0 error_code 0x0"',
    ],
  );
});

const PIECES = [
  'kvm_convert_memory ',
  'kvm_memory_fault ',
  'kvm_sev_snp_launch_update ',
  'kvm_page_fault: ',
  'kvm_rmp_fault: ',
  'tracing_mark_write: ',
  'start 0x1000 ',
  'size 0x1000 ',
  'private_to_shared',
  'flags 0x8',
  'src 0x1 gpa 0x2 len 0x3 (Zero page)',
  'vcpu 0 ',
  'rip 0x0 ',
  'address 0x5000 ',
  'error_code 0x6',
  'gpa 5000 pfn 0x1 error_code 0x1 rmp_level 2 psmash_ret 0',
  '99999999999999999999@99999999999999999999.9:',
  '1@2.3:',
  ' 5.000001: ',
  '0xfffffffffffffffff ',
  '\n',
];

test('property: logs made of pieces and rubbish are read or refused', () => {
  let taken = 0;
  const content = fc
    .array(
      fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...PIECES) }, fc.string({ unit: 'binary', maxLength: 4 })),
      {
        maxLength: 24,
      },
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(content, (text) => {
      for (const format of [QEMU_FORMAT, FTRACE_FORMAT]) {
        format.sniff(text);
        if (takesOrRefuses(() => read(format, text))) taken += 1;
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(taken > 0);
});
