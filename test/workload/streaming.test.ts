/** Ops are made while they are read: bounded, repeatable, and the same as in memory. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { runStream } from '../../lib/compare/run.js';
import { readCounters } from '../../lib/engine/counters.js';
import { createBackend, resolveOptions } from '../../lib/engine/create.js';
import { findBadRecord } from '../../lib/ops/record-check.js';
import { gathered, type OpSource } from '../../lib/ops/source.js';
import { RECORD_BYTES } from '../../lib/spec/ops.js';
import { CHUNK_OPS } from '../../lib/workload/emitter.js';
import { BUNDLED, bundled, scenarioOf } from './support.js';

function digest(source: OpSource): string {
  const hash = createHash('sha256');
  for (const { stream } of source.chunks()) {
    hash.update(stream.records.bytes.subarray(0, stream.length * RECORD_BYTES));
    for (let i = 0; i < stream.length; i += 1) hash.update(`${stream.time(i)} ${stream.notes.get(i)?.source}\n`);
  }
  return hash.digest('hex');
}

for (const name of BUNDLED) {
  test(`${name}: legal records in bounded chunks, the same every time, another seed other ops`, () => {
    const { ops } = bundled(name);
    let length = 0;
    for (const { stream, start } of ops.chunks()) {
      assert.equal(start, length);
      assert.ok(stream.length > 0 && stream.length <= CHUNK_OPS);
      assert.equal(stream.records.bytes.length, CHUNK_OPS * RECORD_BYTES);
      assert.equal(findBadRecord(stream.records.bytes, 0, stream.length), undefined);
      length += stream.length;
    }
    assert.equal(ops.length, length);
    assert.equal(digest(ops), digest(ops));
    assert.equal(digest(ops), digest(bundled(name).ops));
    assert.notEqual(digest(ops), digest(bundled(name, 'machine.seed=2').ops));
  });
}

test('a phase more changes nothing of what the others do', () => {
  const dma = { phase: 'dma-buffers', at: '4GiB', window: '512MiB', blocks: 10, returned: 2, buffers: 50 };
  const converts = (phases: object[]): number[] => {
    const found: number[] = [];
    for (const { stream } of scenarioOf(phases, { memory: '16GiB' }).ops.chunks()) {
      for (let i = 0; i < stream.length; i += 1) {
        if (stream.notes.get(i)?.source?.startsWith('dma_') === true) found.push(stream.records.read(i).address);
      }
    }
    return found;
  };
  assert.ok(converts([dma]).length > 50);
  assert.deepEqual(converts([dma, { phase: 'flip', at: '8GiB' }, { phase: 'idle', touches: 100 }]), converts([dma]));
});

test('two readers of one scenario do not disturb each other', () => {
  const { ops } = scenarioOf([{ phase: 'boot' }]);
  const one = ops.chunks()[Symbol.iterator]();
  const other = ops.chunks()[Symbol.iterator]();
  one.next();
  const second = one.next().value;
  const first = other.next().value;
  assert.ok(first.stream !== second.stream);
  assert.equal(first.start, 0);
  assert.equal(second.start, first.stream.length);
});

test('a guest of a TiB and millions of ops are gone through in the memory of one chunk', () => {
  const { ops } = scenarioOf([{ phase: 'hungry', size: '32GiB' }], { memory: '1TiB' });
  const heap = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = heap();
  let most = 0;
  let length = 0;
  for (const { stream } of ops.chunks()) {
    length += stream.length;
    most = Math.max(most, heap() - before);
  }
  assert.equal(length, 3 + 8 * 2 ** 20);
  // Held whole they would be 40 bytes of record and 8 of time each. Garbage between two collections is counted too.
  assert.ok(most < length * 48 * 0.25, `${most} bytes`);
});

test('in chunks and in memory: the same outcomes, counters and timeline', async () => {
  const { ops } = scenarioOf([
    { phase: 'boot', touched: '100MiB' },
    { phase: 'swiotlb' },
    { phase: 'dma-buffers', blocks: 5, returned: 2, buffers: 60 },
    { phase: 'balloon', size: '16MiB' },
    { phase: 'flip', times: 20 },
  ]);
  assert.ok(ops.length > 2 * CHUNK_OPS);
  const run = async (source: OpSource): Promise<unknown> => {
    const options = { policy: 'rfc-thp', engine: 'reference', arch: 'snp', memory: '9GiB', contents: false } as const;
    const backend = createBackend('reference', resolveOptions(options).backend);
    const lines = createHash('sha256');
    const report = await runStream(backend, source, { samples: 50, outcomes: (text) => void lines.update(text) });
    const counters = readCounters(backend);
    assert.deepEqual(backend.verify(), []);
    backend.close();
    return { ...report, engineNs: 0, counters, lines: lines.digest('hex') };
  };
  assert.deepEqual(await run(ops), await run(gathered(ops)));
});

test('an interrupt between two chunks ends the run there', async () => {
  const { ops } = scenarioOf([{ phase: 'boot', touched: '300MiB' }]);
  const controller = new AbortController();
  const options = {
    policy: 'mainline-6.18',
    engine: 'reference',
    arch: 'snp',
    memory: '9GiB',
    contents: false,
  } as const;
  const backend = createBackend('reference', resolveOptions(options).backend);
  const report = await runStream(backend, ops, {
    signal: controller.signal,
    onProgress: (done) => done > CHUNK_OPS && controller.abort(),
  });
  backend.close();
  assert.equal(report.interrupted, true);
  assert.ok(report.ops > CHUNK_OPS && report.ops < ops.length);
});
