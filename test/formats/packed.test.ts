import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { appendOp } from '../../lib/ops/encode.js';
import { formatJsonl, parseJsonl } from '../../lib/ops/jsonl.js';
import { formatPacked, packedChunks, parsePacked } from '../../lib/ops/packed.js';
import { FOOTER_BYTES, HEADER_BYTES, PACKED_VERSION } from '../../lib/ops/packed-layout.js';
import { PackedReader } from '../../lib/ops/packed-reader.js';
import { OpStream } from '../../lib/ops/stream.js';
import { RECORD_BYTES } from '../../lib/spec/ops.js';
import { arbitraryOps } from '../support/arbitrary-ops.js';
import { problemsOf, takesOrRefuses } from '../support/input-error.js';

const SAMPLE = formatPacked(
  parseJsonl(
    '{"op":"create","size":4096,"note":"\\ud800"}\n' +
      '{"op":"touch","gpa":0,"t":3.5,"derived":false}\n' +
      '{"op":"fault","gpa":1,"access":"private","source":"\u00e9"}\n',
  ),
);

/** A copy with bytes changed and the checksums of header and records made right again. */
function forged(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = Uint8Array.from(SAMPLE);
  const view = new DataView(bytes.buffer);
  change(view, bytes);
  view.setUint32(HEADER_BYTES - 4, crc32(bytes.subarray(0, HEADER_BYTES - 4)), true);
  const records = bytes.subarray(HEADER_BYTES, HEADER_BYTES + 3 * RECORD_BYTES);
  view.setUint32(bytes.length - FOOTER_BYTES, crc32(records), true);
  return bytes;
}

const refusal = (bytes: Uint8Array): string => problemsOf(() => parsePacked(bytes, 'f.gmt')).join('\n');

test('property: JSON lines, packed, JSON lines again: the same bytes', () => {
  fc.assert(
    fc.property(arbitraryOps, fc.integer({ min: 1, max: 200 }), (ops, cut) => {
      const stream = new OpStream();
      for (const op of ops) assert.ok(appendOp(stream, op, []));
      const text = formatJsonl(stream);
      const packed = formatPacked(parseJsonl(text));
      assert.equal(formatJsonl(parsePacked(packed)), text);
      for (const size of [undefined, packed.length]) {
        const reader = new PackedReader('f', size);
        for (let at = 0; at < packed.length; at += cut) reader.push(packed.subarray(at, at + cut));
        assert.equal(formatJsonl(reader.finish()), text);
      }
    }),
    { numRuns: 300 },
  );
});

test('records beyond what is taken on trust arrive whole, from a pipe too', () => {
  const stream = new OpStream();
  for (let i = 0; i < 200_000; i += 1) stream.records.append(25, i & 1, i & 7, 0, 0, 0, i * 4096, 4096, 0);
  const reader = new PackedReader('f');
  for (const chunk of packedChunks(stream)) reader.push(chunk);
  const read = reader.finish();
  assert.equal(read.length, stream.length);
  const bytes = stream.length * RECORD_BYTES;
  assert.ok(Buffer.from(read.records.bytes.subarray(0, bytes)).equals(stream.records.bytes.subarray(0, bytes)));
});

test('every truncation is refused, and bytes behind the end are', () => {
  for (let length = 0; length < SAMPLE.length; length += 1) {
    const cut = SAMPLE.subarray(0, length);
    assert.match(refusal(cut), /^f\.gmt: ends too early/, `${length} bytes`);
    const piped = new PackedReader('f.gmt');
    assert.match(
      problemsOf(() => {
        piped.push(cut);
        piped.finish();
      })[0] ?? '',
      /^f\.gmt: ends too early/,
    );
  }
  assert.match(refusal(Buffer.concat([SAMPLE, Buffer.of(0)])), /more bytes after the end/);
});

test('every single flipped bit is refused', () => {
  for (let bit = 0; bit < SAMPLE.length * 8; bit += 1) {
    const bytes = Uint8Array.from(SAMPLE);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(
      takesOrRefuses(() => parsePacked(bytes)),
      false,
      `bit ${bit}`,
    );
  }
});

test('headers of other makers and later versions are refused by name', () => {
  assert.match(refusal(forged((_, bytes) => (bytes[3] = 0))), /bad magic/);
  assert.match(refusal(forged((view) => view.setUint16(8, PACKED_VERSION + 1, true))), /version: got 2, accepted: 1/);
  assert.match(refusal(forged((view) => view.setUint16(12, 200, true))), /other op kinds/);
  assert.match(refusal(forged((view) => view.setUint32(16, 1, true))), /other op kinds/);
  assert.match(refusal(forged((view) => view.setFloat64(24, 1e8, true))), /ends too early/);
  for (const count of [-1, 0.5, Number.NaN, 2 ** 40, Number.POSITIVE_INFINITY]) {
    assert.match(refusal(forged((view) => view.setFloat64(24, count, true))), /not one of version 1/);
  }
});

test('records no encoder makes are refused even with the right checksums', () => {
  const record = (i: number): number => HEADER_BYTES + i * RECORD_BYTES;
  const cases: [RegExp, (view: DataView) => void][] = [
    [/record 1: kind: got 200/, (view) => view.setUint8(record(1), 200)],
    [/record 1: flags: got 2,/, (view) => view.setUint8(record(1) + 1, 2)],
    [/record 2: vm: got 1023,/, (view) => view.setUint32(record(2) + 4, 1023, true)],
    [/record 1: gmem: got 1,/, (view) => view.setUint32(record(1) + 8, 1, true)],
    [/record 0: gmem: got 65536,/, (view) => view.setUint32(record(0) + 8, 65536, true)],
    [/record 0: vcpu: got 1,/, (view) => view.setUint16(record(0) + 2, 1, true)],
    [/record 2: arg: got 1,/, (view) => view.setUint32(record(2) + 12, 1, true)],
    [/record 1: address: got NaN/, (view) => view.setFloat64(record(1) + 16, Number.NaN, true)],
    [/record 1: address: got 0\.5/, (view) => view.setFloat64(record(1) + 16, 0.5, true)],
    [/record 1: size: got 1e\+300/, (view) => view.setFloat64(record(1) + 24, 1e300, true)],
    [/record 0: extra: got -1,/, (view) => view.setFloat64(record(0) + 32, -1, true)],
    [/record 1: extra: got 1,/, (view) => view.setFloat64(record(1) + 32, 1, true)],
  ];
  for (const [expected, change] of cases) assert.match(refusal(forged(change)), expected);
});

test('property: any bytes behind a right magic are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), (rubbish, at) => {
      const bytes = Uint8Array.from(SAMPLE);
      bytes.set(rubbish.subarray(0, bytes.length), at % bytes.length > rubbish.length ? 0 : 8);
      takesOrRefuses(() => parsePacked(bytes.subarray(0, 8 + (at % bytes.length))));
    }),
    { numRuns: 1000 },
  );
});
