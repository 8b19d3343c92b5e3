/**
 * Worker threads that end at any moment around the end of their engines' runs: what a run holds goes with it. In a file of
 * its own, so that nothing else in the process has runs.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { loadAddon } from '../../lib/engine/addon.js';
import { MiB } from '../support/run.js';

const LIBRARY = new URL('../../lib/index.js', import.meta.url).href;
/** Ops of a run: with their outcomes 2.5 MiB of buffers. */
const OPS = 2 ** 15;
const RUNS = 4;

/** Starts runs that end one after the other, within milliseconds to a tenth of a second; a deaf one never hears of it. */
const SCRIPT = `
  const { parentPort, workerData } = await import('node:worker_threads');
  const { createEngine, OpBuilder } = await import(${JSON.stringify(LIBRARY)});
  const size = 2 ** 30;
  const runs = [1, 64, 256, 512].map((pages) => {
    const builder = new OpBuilder();
    for (let i = 0; i < ${OPS}; i += 1) builder.push({ op: 'touch', vcpu: i % 8, gpa: 0, size: pages * 4096 });
    const host = createEngine({ policy: 'rfc-thp', memory: size, contents: false });
    host.apply([{ op: 'create', size }, { op: 'bind', slot: 0, size }]);
    return host.run(builder.stream, { vcpus: 2, outcomes: true });
  });
  parentPort.postMessage('running');
  if (workerData.deaf) for (;;);
  await Promise.all(runs);
  setInterval(() => {}, 1000);
`;

async function endWorker(deaf: boolean, after: number): Promise<void> {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(SCRIPT)}`), { workerData: { deaf } });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await sleep(after);
  assert.equal(await worker.terminate(), 1);
}

test('a worker that is terminated around the end of its runs leaves nothing of them', async () => {
  const { runsWithBuffers } = loadAddon() as { runsWithBuffers: () => number };
  await endWorker(false, 0);
  const before = process.memoryUsage.rss();
  const workers = 6;
  for (let i = 0; i < workers; i += 1) await endWorker(i % 2 === 0, i * 8);
  assert.equal(runsWithBuffers(), 0);
  const kept = process.memoryUsage.rss() - before;
  const handed = workers * RUNS * OPS * 80;
  assert.ok(kept < handed / 4, `${Math.round(kept / MiB)} MiB are still there of ${handed / MiB} MiB handed to runs`);
});
