import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { fileDigest } from '../../lib/compare/digest.js';
import { streamNeeds } from '../../lib/compare/memory.js';
import { timeSpan } from '../../lib/compare/timeline.js';
import { appendOp } from '../../lib/ops/encode.js';
import { formatJsonl, parseJsonl } from '../../lib/ops/jsonl.js';
import { formatPacked, parsePacked } from '../../lib/ops/packed.js';
import { FOOTER_BYTES, HEADER_BYTES } from '../../lib/ops/packed-layout.js';
import { type RecordScanner, SCANNER } from '../../lib/ops/record-scanner.js';
import { OpRecords } from '../../lib/ops/records.js';
import { gathered } from '../../lib/ops/source.js';
import { OpStream } from '../../lib/ops/stream.js';
import { surveyOf } from '../../lib/ops/survey.js';
import { OP_KIND, RECORD_BYTES } from '../../lib/spec/ops.js';
import { extentOf } from '../../lib/trace/extent.js';
import { openInput } from '../../lib/trace/input.js';
import { recordScanner } from '../../lib/trace/native-scanner.js';
import { PackedFile } from '../../lib/trace/packed-file.js';
import { arbitraryOps } from '../support/arbitrary-ops.js';
import { problemsOf, problemsOfAsync } from '../support/input-error.js';
import { scratchFile } from '../support/scratch.js';

const SCANNERS: readonly [string, RecordScanner][] = [
  ['javascript', SCANNER],
  ['native', recordScanner()],
];

/** More records than are read at once, the last piece not full; `times` every third op. */
function longStream(times: boolean): OpStream {
  const records = new OpRecords(150_000);
  records.append(OP_KIND.create, 0, 0, 0, 7, 0, 0, 2 ** 30, 0);
  records.append(OP_KIND.bind, 0, 0, 0, 7, 3, 4096, 2 ** 30, 0);
  for (let i = 2; i < 149_990; i += 1) {
    records.append(OP_KIND.touch, i & 1, i & 7, i === 140_000 ? 5 : 0, 0, 0, (i % 9999) * 4096, 4096, 0);
  }
  records.append(OP_KIND.destroy, 0, 0, 0, 0, 0, 0, 0, 0);
  const stream = new OpStream(records);
  if (times) for (let i = 0; i < stream.length; i += 3) stream.setTime(i, i / 2);
  return stream;
}

async function opened(context: TestContext, bytes: Uint8Array, scanner: RecordScanner): Promise<PackedFile> {
  const file = await PackedFile.open(scratchFile(context, 'x.gmt', bytes), scanner);
  assert.ok(file !== undefined);
  return file;
}

test('the addon is there: both scanners are tested', () => {
  assert.notEqual(recordScanner(), SCANNER);
});

for (const [name, scanner] of SCANNERS) {
  test(`${name}: a file gone through where it is has the ops of one read into memory, every time`, async (context) => {
    for (const times of [false, true]) {
      const stream = longStream(times);
      const file = await opened(context, formatPacked(stream), scanner);
      assert.equal(file.length, stream.length);
      for (let round = 0; round < 2; round += 1) {
        const whole = gathered(file);
        assert.equal(Buffer.compare(formatPacked(whole), formatPacked(stream)), 0);
      }
      assert.equal(file.timed, times);
      assert.deepEqual(timeSpan(file), timeSpan(stream));
      assert.deepEqual(extentOf(file), extentOf(stream));
      assert.deepEqual(streamNeeds(file), streamNeeds(stream));
    }
  });

  test(`${name}: what is wrong with a file is said in the words of the reader into memory`, async (context) => {
    const good = formatPacked(
      parseJsonl('{"op":"create","size":4096}\n{"op":"touch","gpa":0,"t":3.5}\n{"op":"finalize"}\n'),
    );
    const records = HEADER_BYTES + 3 * RECORD_BYTES;
    const forged = (change: (view: DataView) => void) => {
      const bytes = Uint8Array.from(good);
      const view = new DataView(bytes.buffer);
      change(view);
      view.setUint32(bytes.length - FOOTER_BYTES, crc32(bytes.subarray(HEADER_BYTES, records)), true);
      view.setUint32(bytes.length - FOOTER_BYTES + 4, crc32(bytes.subarray(records, records + 24)), true);
      return bytes;
    };
    const damaged = [
      ...Array.from(good, (_, at) => good.map((byte, i) => (i === at ? byte ^ 0x55 : byte))),
      ...[0, HEADER_BYTES - 1, HEADER_BYTES, records, good.length - 1].map((length) => good.subarray(0, length)),
      Uint8Array.from([...good, 0]),
      forged((view) => view.setUint32(HEADER_BYTES + RECORD_BYTES + 4, 1023, true)),
      forged((view) => view.setFloat64(HEADER_BYTES + RECORD_BYTES + 16, 0.5, true)),
      forged((view) => view.setFloat64(HEADER_BYTES + 2 * RECORD_BYTES + 24, Number.NaN, true)),
      forged((view) => view.setFloat64(records + 8, Number.NEGATIVE_INFINITY, true)),
    ];
    for (const bytes of damaged) {
      const path = scratchFile(context, 'f.gmt', bytes);
      const expected = problemsOf(() => parsePacked(bytes, path));
      const told = await problemsOfAsync(async () => {
        if ((await PackedFile.open(path, scanner)) === undefined) parsePacked(bytes, path);
      });
      assert.deepEqual(told, expected);
    }
  });

  test(`${name}: a file that changes after it was checked is an error, not another run`, async (context) => {
    const bytes = formatPacked(longStream(false));
    const path = scratchFile(context, 'f.gmt', bytes);
    const changes: [string, () => void][] = [
      ['longer', () => appendFileSync(path, 'x')],
      ['shorter', () => truncateSync(path, 100_000)],
      [
        'another file',
        () => {
          rmSync(path);
          writeFileSync(path, bytes);
        },
      ],
    ];
    for (const [what, change] of changes) {
      writeFileSync(path, bytes);
      const file = await PackedFile.open(path, scanner);
      assert.ok(file !== undefined);
      change();
      assert.match(problemsOf(() => gathered(file)).join(), /f\.gmt: was changed while it was read/, what);
    }
    const file = await PackedFile.open(path, scanner);
    assert.ok(file !== undefined);
    const pass = file.chunks();
    pass.next();
    truncateSync(path, HEADER_BYTES + 70_000 * RECORD_BYTES);
    assert.match(problemsOf(() => [...pass]).join(), /was changed while it was read/);
    rmSync(path);
    assert.match(problemsOf(() => gathered(file)).join(), /cannot be read: no such file/);
  });
}

test('property: both scanners take the same records, and survey them alike', () => {
  const [, native] = SCANNERS[1] as [string, RecordScanner];
  const damage = fc.option(fc.tuple(fc.nat(), fc.nat({ max: RECORD_BYTES - 1 }), fc.integer({ min: 1, max: 255 })));
  fc.assert(
    fc.property(arbitraryOps, damage, (ops, damaged) => {
      const stream = new OpStream();
      for (const op of ops) assert.ok(appendOp(stream, op, []));
      const { records } = stream;
      if (damaged !== null && records.length > 0) {
        const [record, byte, flip] = damaged;
        const at = (record % records.length) * RECORD_BYTES + byte;
        records.bytes[at] = (records.bytes[at] as number) ^ flip;
      }
      const expected = surveyOf(new OpStream());
      const survey = surveyOf(new OpStream());
      const bad = SCANNER.survey(records, expected);
      assert.deepEqual(native.survey(records, survey), bad);
      assert.deepEqual(native.check(records), bad);
      if (bad !== undefined) return;
      assert.deepEqual([...survey.counts], [...expected.counts]);
      assert.deepEqual([...survey.lowest], [...expected.lowest]);
      assert.deepEqual([...survey.ends], [...expected.ends]);
      assert.deepEqual(survey.vms, expected.vms);
      assert.deepEqual(survey.gmems, expected.gmems);
      assert.equal(formatJsonl(new OpStream(survey.structural)), formatJsonl(new OpStream(expected.structural)));
    }),
    { numRuns: 500 },
  );
});

test('a large packed input is gone through where it is; one without memory is fitted', async (context) => {
  const bare = new OpRecords(450_000);
  for (let i = 0; i < 450_000; i += 1) bare.append(OP_KIND.touch, 0, 0, 0, 0, 0, (i % 512) * 4096, 4096, 0);
  const lacking = await openInput(scratchFile(context, 'a', formatPacked(new OpStream(bare))));
  assert.equal(lacking.fitted, true);
  assert.equal(lacking.ops.length, 450_002);
  const made = new OpRecords(450_000);
  made.append(OP_KIND.create, 0, 0, 0, 0, 0, 0, 2 ** 21, 0);
  made.append(OP_KIND.bind, 0, 0, 0, 0, 0, 0, 2 ** 21, 0);
  made.appendAll(bare);
  const path = scratchFile(context, 'b', formatPacked(new OpStream(made)));
  const whole = await openInput(path);
  assert.ok(whole.ops instanceof PackedFile);
  assert.equal(whole.fitted, false);
  assert.equal(whole.guestBytes, 2 ** 21);
  assert.equal(whole.stream.length, 450_002);
  assert.match(
    (await problemsOfAsync(() => openInput(path, { format: 'scenario' })))[0] ?? '',
    /is no scenario: it is .*\.gmt/,
  );
  const large = scratchFile(context, 'c', Buffer.alloc(2 ** 20 + 1, '# \n'));
  assert.match((await problemsOfAsync(() => openInput(large, { format: 'scenario' })))[0] ?? '', /too large/);
});

test('the digest of a large file is that of sha256sum', async (context) => {
  const path = scratchFile(context, 'big', Buffer.alloc(33 << 20, 'gmem'));
  const [expected] = execFileSync('sha256sum', [path], { encoding: 'utf8' }).split(' ');
  assert.equal(await fileDigest(path), expected);
  assert.equal(await fileDigest('-'), undefined);
});
