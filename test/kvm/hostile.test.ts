/** Every export of the addon's kvm part, called with what no caller should give it: an exception, never a crash. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { type KvmAddon, kvmAddon } from '../../lib/kvm/capabilities.js';
import { RECORD_BYTES } from '../../lib/spec/ops.js';
import { OUTCOME_BYTES } from '../../lib/spec/outcomes.js';
import { ask1, PAGE, SKIP, withKernel } from './support.js';

const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 40,
  2 ** 53,
  10n,
  Symbol('s'),
  '1',
  [],
  {},
  () => 1,
  new Uint8Array(0),
  new Uint8Array(3),
  new Uint8Array(new ArrayBuffer(RECORD_BYTES + 3), 3),
  new Uint32Array(4),
  new Float64Array(1),
  new DataView(new ArrayBuffer(8)),
  new Proxy({}, {}),
];

const NAMES: readonly (keyof KvmAddon)[] = [
  'kvmClose',
  'kvmRun',
  'kvmErrors',
  'kvmPages',
  'kvmFileSize',
  'kvmVerify',
  'kvmHost',
];

test('every export refuses hostile arguments, and engines go on', { skip: SKIP }, () => {
  const addon = kvmAddon();
  const { handle } = addon.kvmCreate(2 ** 24);
  assert.ok(handle !== undefined);
  const good: Readonly<Record<string, readonly unknown[]>> = {
    kvmRun: [handle, new Uint8Array(4 * RECORD_BYTES), 0, 4, new Uint8Array(4 * OUTCOME_BYTES)],
    kvmErrors: [handle, new Float64Array(256)],
    kvmPages: [handle, 0, 0, 4, new Uint8Array(4)],
    kvmFileSize: [handle, 0],
    kvmVerify: [handle],
    kvmHost: [handle],
    kvmClose: [],
  };
  let refused = 0;
  const call = (name: string, args: readonly unknown[]) => {
    try {
      (addon as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name]?.(...args);
    } catch (error) {
      assert.ok(error instanceof Error, name);
      refused += 1;
    }
  };
  for (const name of NAMES) {
    const args = good[name] as readonly unknown[];
    call(name, []);
    args.forEach((_, i) => {
      for (const value of HOSTILE) call(name, [...args.slice(0, i), value, ...args.slice(i + 1)]);
    });
  }
  for (const value of HOSTILE) {
    try {
      const made = addon.kvmCreate(value as number);
      if (made.handle !== undefined) addon.kvmClose(made.handle);
    } catch {
      refused += 1;
    }
  }
  assert.ok(refused > 200);
  addon.kvmErrors(handle, new Float64Array(256));
  assert.deepEqual(addon.kvmVerify(handle), []);
  addon.kvmClose(handle);
  addon.kvmClose(handle);
});

test('records that mean nothing are answered, not run', { skip: SKIP }, () => {
  const addon = kvmAddon();
  const { handle } = addon.kvmCreate(2 ** 24);
  assert.ok(handle !== undefined);
  const records = new Uint8Array(300 * RECORD_BYTES);
  const outcomes = new Uint8Array(300 * OUTCOME_BYTES);
  for (let i = 0; i < 256; i += 1) records.fill(i, i * RECORD_BYTES, (i + 1) * RECORD_BYTES);
  addon.kvmRun(handle, records, 0, 300, outcomes);
  assert.deepEqual(addon.kvmVerify(handle), []);
  addon.kvmClose(handle);
});

test('engines of several threads do not meet', { skip: SKIP, timeout: 60_000 }, async () => {
  const script = `
    import { parentPort } from 'node:worker_threads';
    const { KvmBackend } = await import(${JSON.stringify(new URL('../../lib/kvm/backend.js', import.meta.url).href)});
    const { randomStream } = await import(${JSON.stringify(new URL('../../lib/conform/random-stream.js', import.meta.url).href)});
    const { Stepper } = await import(${JSON.stringify(new URL('../../lib/conform/judge.js', import.meta.url).href)});
    const kernel = new KvmBackend({ residentLimitBytes: 2 ** 28 });
    const stepper = new Stepper(kernel);
    parentPort.postMessage(randomStream(3, 400).map((fields) => stepper.step(fields)));
  `;
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  const answers = await Promise.all(
    [1, 2].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(url);
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  assert.deepEqual(answers[0], answers[1]);
  withKernel((kernel) => assert.deepEqual(ask1(kernel, { op: 'create', size: PAGE }), { ok: true }));
});
