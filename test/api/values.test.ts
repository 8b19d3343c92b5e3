/**
 * What single values are refused for, and what is exported to be read: tables that nobody may write into.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as api from '../../lib/index.js';
import { start, startBound } from './engines.js';
import { HOSTILE } from './hostile-values.js';

const ARGUMENT = { name: 'GmemError', code: 'ERR_GMEM_ARGUMENT' };

/** Memory that was handed to another thread. */
function givenAway<T extends Uint8Array>(bytes: T): T {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
  return bytes;
}

test('functions on values give a value or a GmemError', () => {
  const { parseSize, formatBytes, levelName, errnoName, isRun, unsupportedReason } = api;
  for (const call of [parseSize, formatBytes, levelName, errnoName, isRun, unsupportedReason]) {
    for (const value of HOSTILE) {
      for (const args of [[value], [value, 'snp'], [api.PRESETS['rfc-thp'].knobs, value]]) {
        try {
          (call as (...a: unknown[]) => unknown)(...args);
        } catch (error) {
          assert.ok(
            error instanceof api.GmemError,
            `${call.name}: ${error instanceof Error ? error.stack : String(error)}`,
          );
        }
      }
    }
  }
});

test('functions on values say what they accept', () => {
  assert.throws(() => api.parseSize(4096 as never), {
    ...ARGUMENT,
    message: 'text: 4096 is not accepted, accepted: text',
  });
  assert.deepEqual(['', 'x', '2MiB', ' 0x10 '].map(api.parseSize), [undefined, undefined, 2 ** 21, 16]);
  for (const value of ['x', undefined, Number.NaN, 10n]) {
    assert.throws(() => api.formatBytes(value as never), {
      ...ARGUMENT,
      message: /^bytes: .*accepted: a finite number$/,
    });
  }
  assert.equal(api.formatBytes(-1536), '-1.50 KiB');
  // What two decimals round up to the next unit is one of it.
  assert.deepEqual([1023, 1048570, 1048571, 1048575, -1048575, 2 ** 30 - 1].map(api.formatBytes), [
    '1023 B',
    '1023.99 KiB',
    '1.00 MiB',
    '1.00 MiB',
    '-1.00 MiB',
    '1.00 GiB',
  ]);
  for (const value of [null, undefined, 5, '2M']) {
    assert.throws(() => api.levelName(value as never), { ...ARGUMENT, message: /^order: .*accepted: 0, 9, 18$/ });
  }
  assert.deepEqual(api.ORDERS.map(api.levelName), ['4K', '2M', '1G']);
  for (const value of [undefined, Symbol('s'), -1, 0.5, 2 ** 16]) {
    assert.throws(() => api.errnoName(value as never), { ...ARGUMENT, message: /^errno: .*from 0 to 65535$/ });
  }
  assert.deepEqual([api.errnoName(22), api.errnoName(200)], ['EINVAL', 'E200']);
  for (const value of [null, 1, undefined]) {
    assert.throws(() => api.isRun(value as never), { ...ARGUMENT, message: /^result: .*accepted: a row of results$/ });
  }
  const { knobs } = api.PRESETS['rfc-thp'];
  const policy = { name: 'GmemError', code: 'ERR_GMEM_POLICY' };
  assert.throws(() => api.unsupportedReason(undefined as never, 'snp'), { ...policy, message: /^knobs: /u });
  assert.throws(() => api.unsupportedReason({ ...knobs, punch: 'x' } as never, 'snp'), {
    ...policy,
    message: /^knobs: punch cannot be "x", accepted: /,
  });
  assert.throws(() => api.unsupportedReason({ hugepages: '2M' } as never, 'snp'), {
    ...policy,
    message: /cannot be undefined/,
  });
  assert.throws(() => api.unsupportedReason(knobs, 'sev' as never), ARGUMENT);
  assert.equal(api.unsupportedReason(knobs, 'snp'), undefined);
});

test('null is no value of an option', () => {
  const good = { policy: 'rfc-thp', memory: '4MiB', engine: 'reference' } as const;
  for (const key of ['engine', 'arch', 'seed', 'contents', 'residentLimit', 'simd', 'latency']) {
    assert.throws(() => api.createEngine({ ...good, [key]: null }), ARGUMENT, key);
  }
  assert.throws(() => api.resolvePolicy({ name: 'mine', base: null as never, knobs: {} }), { code: 'ERR_GMEM_POLICY' });
  const { host, vm, gmem } = startBound('reference');
  assert.throws(() => vm.createGmem({ size: 4096, id: null as never }), ARGUMENT);
  assert.throws(() => vm.createGmem({ size: 4096, flags: null as never }), ARGUMENT);
  assert.throws(() => host.pages(gmem, 0, null as never), ARGUMENT);
  assert.throws(() => host.pages(gmem, null as never), ARGUMENT);
  for (const key of ['offset', 'size']) {
    assert.throws(() => gmem.count('present', { [key]: null } as never), ARGUMENT, key);
  }
  host.close();
});

test('a run takes no null either', async () => {
  const host = start('reference');
  for (const key of ['outcomes', 'vcpus', 'signal', 'onProgress']) {
    await assert.rejects(host.run([{ op: 'close' }], { [key]: null } as never), ARGUMENT, key);
  }
  host.close();
});

test('what is exported to be read is frozen, with all in it', () => {
  const written: string[] = [];
  const look = (name: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Object.isFrozen(value)) written.push(name);
    for (const [key, inner] of Object.entries(value)) look(`${name}.${key}`, inner);
  };
  for (const [name, value] of Object.entries(api)) look(name, value);
  assert.deepEqual(written, []);
});

test('memory that was given away is refused', async () => {
  const made = (): api.OpStream => new api.OpBuilder().push({ op: 'close' }).push({ op: 'close' }).stream;
  const gone = made();
  givenAway(gone.records.bytes);
  const host = start('reference');
  await assert.rejects(host.run(gone), { ...ARGUMENT, message: /^records: 2 in 0 bytes of memory/ });
  assert.throws(() => api.formatJsonl(gone), ARGUMENT);
  await assert.rejects(api.compare({ stream: gone, path: 'x', format: 'jsonl', fitted: false }), ARGUMENT);
  const longer = made();
  longer.records.length = 1e6;
  await assert.rejects(host.run(longer), { ...ARGUMENT, message: /^records: 1000000 in / });
  for (const read of [api.parseJsonl, api.parsePacked]) {
    assert.throws(() => read(givenAway(new Uint8Array(8))), { ...ARGUMENT, message: /its memory was given away/ });
  }
  assert.throws(() => new api.OutcomeRecords(0, givenAway(new Uint8Array(40))), ARGUMENT);
  assert.throws(() => api.OpRecords.over(givenAway(new Uint8Array(40))), ARGUMENT);
  host.close();
});

for (const kind of ['native', 'reference'] as const) {
  test(`${kind}: memory that is given away in the middle of a run is refused`, async () => {
    const builder = new api.OpBuilder();
    for (let i = 0; i < 400_000; i += 1) builder.push({ op: 'close', gmem: 9 });
    const host = start(kind);
    let gave = false;
    const onProgress = ({ done, total }: api.RunProgress): void => {
      if (gave || done === total) return;
      gave = true;
      givenAway(builder.stream.records.bytes);
    };
    const run = host.run(builder.stream, { onProgress });
    await run.then(
      () => assert.ok(!gave, 'it ended before its memory was given away'),
      (error: unknown) =>
        assert.ok(error instanceof api.GmemError && error.code === 'ERR_GMEM_ARGUMENT', String(error)),
    );
    assert.deepEqual(host.verify(), []);
    host.close();
  });
}

test('a stream is made of records, a builder of a stream, a view of words', () => {
  assert.throws(() => new api.OpStream(-1 as never), { ...ARGUMENT, message: /^records: -1 .*accepted: OpRecords$/ });
  assert.throws(() => new api.OpStream({ length: 5 } as never), ARGUMENT);
  assert.throws(() => new api.OpBuilder(-1 as never), { ...ARGUMENT, message: /accepted: an OpStream$/ });
  assert.throws(() => new api.PageView(-1, new Uint32Array(0)), ARGUMENT);
  assert.throws(() => new api.PageView(0, new Uint32Array(6)), { ...ARGUMENT, message: /accepted: 5 a page$/ });
  assert.throws(() => new api.PageView(0, [] as never), ARGUMENT);
});
