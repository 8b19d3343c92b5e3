/** What a stream needs is what its files need that some design makes: a `create` that every engine refuses is left out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../lib/compare/compare.js';
import { type FileEvent, streamNeeds } from '../../lib/compare/memory.js';
import { isRun } from '../../lib/compare/results.js';
import { OpBuilder, type OpInput } from '../../lib/ops/builder.js';
import { OpRecords } from '../../lib/ops/records.js';
import { OpStream } from '../../lib/ops/stream.js';
import { inputOf } from './streams.js';

const MIB = 2 ** 20;

function streamOf(ops: readonly OpInput[]): OpStream {
  const builder = new OpBuilder();
  for (const op of ops) builder.push(op);
  return builder.stream;
}

const made = (gmem: number, sizeBytes: number, flags = 0): FileEvent => ({ gmem, sizeBytes, flags });
const closed = (gmem: number): FileEvent => made(gmem, 0);

test('a create on a VM that was destroyed makes no file and no guest', async () => {
  const stream = streamOf([
    { op: 'create', size: 8 * MIB },
    { op: 'bind', slot: 0, gpa: 0, size: 8 * MIB },
    { op: 'touch', gpa: 0 },
    { op: 'close' },
    { op: 'destroy' },
    { op: 'create', size: 4096 },
  ]);
  const { guests, guestBytes, files } = streamNeeds(stream);
  assert.deepEqual([guests, guestBytes, files], [1, 8 * MIB, [made(0, 8 * MIB), closed(0)]]);
  for (const engine of ['native', 'reference'] as const) {
    const { results, input } = await compare(inputOf(stream), { engine, policies: ['pool-2m'] });
    const [row] = results;
    assert.ok(row !== undefined && isRun(row));
    assert.deepEqual([row.counters.errors, input.guests], [{ EBADF: 1 }, undefined]);
  }
});

test('a create of an id that is open adds nothing, and after it was closed it is another file', () => {
  const create = (gmem: number, mib: number): OpInput => ({ op: 'create', gmem, size: mib * MIB });
  const twice = streamNeeds(streamOf([create(0, 4), create(1, 4), create(1, 4)]));
  assert.deepEqual([twice.guestBytes, twice.guestBytesPeak, twice.files.length], [8 * MIB, 8 * MIB, 2]);
  const again = streamNeeds(streamOf([create(0, 4), create(0, 9), { op: 'close' }, { op: 'close' }, create(0, 2)]));
  assert.deepEqual([again.guestBytes, again.guestBytesPeak], [6 * MIB, 4 * MIB]);
  assert.deepEqual(again.files, [made(0, 4 * MIB), closed(0), made(0, 2 * MIB)]);
});

test('sizes and flags that every design answers EINVAL leave the id free', () => {
  const records = streamOf([0, -4096, 4097].map((size): OpInput => ({ op: 'create', size }))).records;
  const create = records.read(0);
  for (const extra of [4, -1]) records.appendFields({ ...create, size: 4096, extra });
  records.appendFields({ ...create, vm: 3, size: 4096, extra: 3 });
  const { guests, guestBytes, files } = streamNeeds(new OpStream(OpRecords.from(records.bytes.slice(0, 40 * 6))));
  assert.deepEqual([guests, guestBytes, files], [1, 4096, [made(0, 4096, 3)]]);
});
