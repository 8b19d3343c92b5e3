import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { formatJsonl, parseJsonl } from '../../lib/ops/jsonl.js';
import { formatPacked } from '../../lib/ops/packed.js';
import { extentOf } from '../../lib/trace/extent.js';
import { fitStream } from '../../lib/trace/fit.js';
import { TRACE_FORMAT_NAMES } from '../../lib/trace/formats.js';
import { openInput } from '../../lib/trace/input.js';
import { writeStream } from '../../lib/trace/output.js';
import { summarise } from '../../lib/trace/summary.js';
import { problemsOfAsync } from '../support/input-error.js';
import { bundled, scratchDirectory, scratchFile } from '../support/scratch.js';

const TOUCH = '{"op":"touch","gpa":4096}\n';
const QEMU = 'boot\nkvm_convert_memory start 0x1000 size 0x1000 private_to_shared\n';
const FTRACE = ' a-1 [000] 5.000001: kvm_page_fault: vcpu 0 rip 0x0 address 0x5000 error_code 0x2\n';

test('the format is told by content, whatever the name, gzip or not', async (context) => {
  const cases: [string, string | Uint8Array][] = [
    ['jsonl', TOUCH],
    ['jsonl', `\ufeff\r\n  ${TOUCH}`],
    ['jsonl', `{"op":"touch","gpa":0,"note":"kvm_convert_memory start 0x1000"}`],
    ['gmt', formatPacked(parseJsonl(TOUCH))],
    ['qemu', QEMU],
    ['qemu', `${'other line\n'.repeat(100_000)}${QEMU}`],
    ['ftrace', FTRACE],
    ['ftrace', `# tracer: nop\n x-1 [0] 5.000001: tracing_mark_write: ${QEMU.split('\n')[1]}\n`],
  ];
  for (const [format, content] of cases) {
    assert.equal((await openInput(scratchFile(context, 'x', content))).format, format);
    const packed = await openInput(scratchFile(context, 'x.txt', gzipSync(content)));
    assert.deepEqual([packed.format, packed.gzip], [format, true]);
  }
});

test('a format can be forced; the problems are then those of that format', async (context) => {
  const file = scratchFile(context, 'x', `${TOUCH}${QEMU}`);
  assert.equal((await openInput(file, { format: 'qemu' })).extent.ops.convert, 1);
  assert.match((await problemsOfAsync(() => openInput(file)))[0] ?? '', /x:2:1: line: not JSON/);
  assert.match((await problemsOfAsync(() => openInput(file, { format: 'gmt' })))[0] ?? '', /bad magic/);
  assert.match(
    (await problemsOfAsync(() => openInput(file, { format: 'pcap' })))[0] ?? '',
    /accepted: scenario .*; jsonl .*; gmt .*; qemu .*; ftrace/,
  );
});

test('a line of rubbish in front of ops is a problem of the op stream, not an unknown file', async (context) => {
  const file = scratchFile(context, 'x', `rubbish\n${TOUCH}`);
  assert.match((await problemsOfAsync(() => openInput(file)))[0] ?? '', /x:1:1: line: not JSON/);
});

test('what cannot be read says why', async (context) => {
  const directory = scratchDirectory(context);
  const reason = async (file: string): Promise<string> => (await problemsOfAsync(() => openInput(file))).join('\n');
  assert.match(await reason(path.join(directory, 'none')), /none: cannot be read: no such file or directory$/);
  assert.match(await reason(directory), /cannot be read: illegal operation on a directory$/);
  assert.match(await reason(scratchFile(context, 'x', '')), /x: is empty, accepted: scenario .*; jsonl /);
  assert.match(
    await reason(scratchFile(context, 'x', 'hello')),
    /x: is of no known format, accepted: scenario .*; jsonl /,
  );
  assert.match(await reason(scratchFile(context, 'x', gzipSync(''))), /x: is empty/);
});

test('damaged gzip data is told apart from a file that ends too early', async (context) => {
  const whole = readFileSync(bundled('boot2g.jsonl.gz'));
  for (const length of [2, 9, 100, 5000, whole.length - 4]) {
    const file = scratchFile(context, 'x.gz', whole.subarray(0, length));
    assert.match(
      (await problemsOfAsync(() => openInput(file)))[0] ?? '',
      /x\.gz: gzip data ends too early/,
      `${length}`,
    );
  }
  const flipped = Buffer.from(whole);
  flipped[whole.length - 6] = (flipped[whole.length - 6] as number) ^ 1;
  const file = scratchFile(context, 'x.gz', flipped);
  assert.match((await problemsOfAsync(() => openInput(file)))[0] ?? '', /x\.gz: gzip data is damaged: /);
});

test('property: mutated files of every format are read or refused', async (context) => {
  const directory = scratchDirectory(context);
  const seeds = [TOUCH, QEMU, FTRACE, formatPacked(parseJsonl(TOUCH)), gzipSync(TOUCH)].map((seed) =>
    Buffer.from(seed),
  );
  const edit = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...seeds),
      fc.array(edit, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.constantFrom(undefined, ...TRACE_FORMAT_NAMES),
      async (seed, edits, cut, format) => {
        const bytes = Buffer.from(seed);
        for (const { at, byte } of edits) bytes[at % bytes.length] = byte;
        const file = path.join(directory, 'x');
        writeFileSync(file, cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes);
        try {
          const input = await openInput(file, { format });
          summarise(input);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_GMEM_INPUT', String(error));
        }
      },
    ),
    { numRuns: 400 },
  );
});

const fitted = (text: string): string => {
  const stream = parseJsonl(text);
  const fit = fitStream(stream, extentOf(stream));
  assert.equal(fit.fitted, fit.stream !== stream);
  return fit.fitted ? formatJsonl(fit.stream) : 'unfitted';
};
const memory = (gib: number, vm = 0, gmem = 0): string =>
  `{"op":"create","gmem":${gmem},"vm":${vm},"size":${gib * 2 ** 30},"flags":[]}\n` +
  `{"op":"bind","vm":${vm},"slot":0,"gpa":0,"size":${gib * 2 ** 30},"gmem":${gmem},"offset":0}\n`;

test('a trace without memory gets one slot over all it names, holes included, in whole GiB', () => {
  const touch = (gpa: number, vm = 0): string =>
    `{"op":"touch","vm":${vm},"vcpu":0,"gpa":${gpa},"write":false,"t":1}\n`;
  assert.equal(fitted(touch(0)), memory(1) + touch(0));
  assert.equal(fitted(touch(2 ** 30 - 4096)), memory(1) + touch(2 ** 30 - 4096));
  assert.equal(fitted(touch(2 ** 30)), memory(2) + touch(2 ** 30));
  assert.equal(fitted(touch(2 ** 30 - 1)), memory(2) + touch(2 ** 30 - 1));
  const hole = touch(2 ** 31 - 4096) + touch(5 * 2 ** 30);
  assert.equal(fitted(hole), memory(6) + hole);
  assert.equal(fitted(touch(0, 3)), memory(1, 3) + touch(0, 3));
  const punch = '{"op":"punch","gmem":2,"offset":1073741824,"size":4096}\n';
  assert.equal(fitted(touch(0) + punch), memory(2, 0, 2) + touch(0) + punch);
});

test('absurd addresses are legal ops, and no memory', () => {
  const odd = '{"op":"touch","vm":0,"vcpu":0,"gpa":-4096,"write":false}\n';
  const far = `{"op":"touch","vm":0,"vcpu":0,"gpa":${2 ** 52},"write":false}\n`;
  const near = '{"op":"touch","vm":0,"vcpu":0,"gpa":0,"write":false}\n';
  assert.equal(fitted(odd + far), 'unfitted');
  assert.equal(fitted(odd + far + near), memory(1) + odd + far + near);
});

test('a trace that makes its own memory, or names several owners, is left as it is', () => {
  assert.equal(fitted(''), 'unfitted');
  assert.equal(fitted(`{"op":"create","size":4096}\n${TOUCH}`), 'unfitted');
  assert.equal(fitted(`{"op":"bind","slot":0,"size":4096}\n${TOUCH}`), 'unfitted');
  assert.equal(fitted(`${TOUCH}{"op":"touch","vm":1,"gpa":0}\n`), 'unfitted');
});

test('guest memory is what is bound at most at one time', () => {
  const text = `{"op":"create","size":${2 ** 30}}
{"op":"bind","slot":0,"size":1048576}
{"op":"bind","slot":1,"gpa":1048576,"size":1048576,"offset":1048576}
{"op":"bind","slot":0,"size":0}
{"op":"bind","slot":2,"gpa":4194304,"size":4096}
{"op":"bind","slot":3,"size":-5}
{"op":"bind","slot":4,"size":${2 ** 52}}
`;
  assert.equal(extentOf(parseJsonl(text)).boundBytes, 2 ** 21);
  assert.equal(extentOf(parseJsonl(text)).fileBytes, 2 ** 30);
});

test('outputs are complete or not there', async (context) => {
  const directory = scratchDirectory(context);
  const stream = parseJsonl(TOUCH);
  for (const name of ['x', 'x.json', 'x.gz', 'x.gmt.gz']) {
    await assert.rejects(writeStream(stream, path.join(directory, name)), {
      code: 'ERR_GMEM_ARGUMENT',
      message: /unknown kind of output, accepted: names that end in \.jsonl, \.jsonl\.gz, \.gmt$/,
    });
  }
  await assert.rejects(writeStream(stream, path.join(directory, 'no', 'x.gmt')), {
    code: 'ERR_GMEM_ARGUMENT',
    message: /cannot be written: no such file or directory/,
  });
  assert.deepEqual(readdirSync(directory), []);
  const file = path.join(directory, 'x.gmt');
  await writeStream(stream, file);
  await writeStream((await openInput(file)).stream, file);
  assert.ok(existsSync(file));
  assert.deepEqual(readdirSync(directory), ['x.gmt']);
  assert.equal((await openInput(file, { fit: false })).stream.length, 3);
});
