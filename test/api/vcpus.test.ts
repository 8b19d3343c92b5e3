/**
 * Runs on vCPU threads: what they count, how they are stopped, and that nothing else gets at the engine meanwhile.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { loadAddon } from '../../lib/engine/addon.js';
import { createEngine, type Engine, OpBuilder } from '../../lib/index.js';
import { unsupportedReason } from '../../lib/policy/policy.js';
import { COUNTER_NAMES } from '../../lib/spec/counters.js';
import type { OpName } from '../../lib/spec/ops.js';
import { openInput } from '../../lib/trace/input.js';
import { presetPolicies, type TestPolicy } from '../support/policies.js';
import { GiB, MiB } from '../support/run.js';
import { vcpuStream } from '../support/vcpu-stream.js';
import { ENGINES, start } from './engines.js';

const OPS = Number(process.env.GMEM_VCPU_OPS ?? 6000);
const TRACE = fileURLToPath(new URL('../../../traces/boot2g.jsonl.gz', import.meta.url));
const LIBRARY = new URL('../../lib/index.js', import.meta.url).href;

function engineFor({ policy, knobs, arch }: TestPolicy, memory: number): Engine {
  return createEngine({ policy: { name: policy, knobs }, arch, memory, engine: 'native' });
}

/** What may differ from one thread, by docs/threads.md. */
function mayDiffer(name: string, { knobs, arch }: TestPolicy): boolean {
  if (name === 'stranded_pages_end') return true;
  return name === 'prepares' && knobs.preparedness === 'none' && arch === 'snp';
}

for (const policy of presetPolicies().filter((p) => unsupportedReason(p.knobs, p.arch) === undefined)) {
  test(`${policy.policy}, arch ${policy.arch}: any number of threads counts and answers what one does`, async () => {
    const giant = policy.knobs.hugepages === '1G';
    const guest = giant ? 2 * GiB : 240 * MiB;
    const memory = giant ? 6 * GiB : 1 * GiB;
    const stream = vcpuStream(20_251_120 + policy.policy.length, guest, OPS);
    const one = engineFor(policy, memory);
    const expected = await one.run(stream, { outcomes: true });
    for (const vcpus of [2, 4]) {
      const many = engineFor(policy, memory);
      const result = await many.run(stream, { outcomes: true, vcpus });
      assert.equal(result.ops, stream.length);
      assert.deepEqual(many.verify(), []);
      for (let i = 0; i < stream.length; i += 1) {
        const name = stream.records.opName(i) as OpName;
        const wanted = { ...expected.outcomes?.decode(i, name), pfn: 0 };
        const got = { ...result.outcomes?.decode(i, name), pfn: 0 };
        assert.deepEqual(got, wanted, `op ${i} on ${vcpus} threads`);
      }
      const [a, b] = [one.counters(), many.counters()];
      for (const name of COUNTER_NAMES) {
        if (!mayDiffer(name, policy)) assert.equal(b[name], a[name], `${name} on ${vcpus} threads`);
      }
      assert.deepEqual(b.errors, a.errors);
      const host = many.host();
      assert.ok((host.vcpu_ops_concurrent as number) > stream.length / 2, JSON.stringify(host));
      assert.equal((host.vcpu_ops_concurrent as number) + (host.vcpu_ops_serial as number), stream.length);
      many.close();
    }
    one.close();
  });
}

test('while another processor is busy in the RMP, epochs run on one thread, with the answers of one', async () => {
  const size = 64 * MiB;
  const builder = new OpBuilder().push({ op: 'create', size }).push({ op: 'bind', slot: 0, size });
  const touches = (from: number) => {
    for (let i = 0; i < 4096; i += 1)
      builder.push({ op: 'touch', vcpu: i % 4, gpa: from + ((i * 40503) % 4096) * 4096 });
  };
  builder.push({ op: 'set', key: 'rmp-busy', value: 50, after: 700 });
  touches(0);
  builder.push({ op: 'set', key: 'rmp-busy', value: 1024 }).push({ op: 'set', key: 'rmp-busy', value: 0 });
  touches(32 * MiB);
  const runs = [];
  for (const vcpus of [1, 4]) {
    const host = createEngine({ policy: 'mainline-6.18', memory: '1GiB', arch: 'snp' });
    const { outcomes } = await host.run(builder.stream, { outcomes: true, vcpus });
    assert.deepEqual(host.verify(), []);
    assert.equal(host.host().vcpu_ops_concurrent, vcpus === 1 ? undefined : 4096);
    runs.push({ outcomes: outcomes?.bytes, counters: { ...host.counters(), stranded_pages_end: 0 } });
    host.close();
  }
  assert.deepEqual(runs[1], runs[0]);
  assert.equal(runs[0]?.counters.rmpupdate_failed, 50);
  assert.deepEqual(runs[0]?.counters.errors, { EINVAL: 3 });
});

test('the bundled recording counts the same on threads', async () => {
  const { ops } = await openInput(TRACE);
  for (const name of ['mainline-6.18', 'rfc-thp', 'hugetlb-2m']) {
    const counters = [];
    for (const vcpus of [1, 2]) {
      const host = createEngine({ policy: name as never, arch: 'snp', memory: '6GiB', contents: false });
      for (const chunk of ops.chunks()) await host.run(chunk.stream, { vcpus });
      assert.deepEqual(host.verify(), []);
      counters.push({ ...host.counters(), stranded_pages_end: 0, ...(name === 'hugetlb-2m' ? { prepares: 0 } : {}) });
      host.close();
    }
    assert.deepEqual(counters[1], counters[0], name);
  }
});

test('vcpus: an integer from 1 to 64, more than one on the native engine only', async () => {
  for (const kind of ENGINES) {
    const host = start(kind);
    for (const vcpus of [0, -1, 65, 1.5, Number.NaN, '2', null, {}, 2n]) {
      await assert.rejects(host.run([], { vcpus: vcpus as number }), {
        code: 'ERR_GMEM_ARGUMENT',
        message: /^vcpus: /,
      });
    }
    assert.equal((await host.run([{ op: 'create', size: 4096 }], { vcpus: 1 })).ops, 1);
    host.close();
  }
  const reference = start('reference');
  await assert.rejects(reference.run([], { vcpus: 2 }), {
    code: 'ERR_GMEM_ARGUMENT',
    message: 'vcpus: 2 is not accepted: the reference engine is one thread; accepted: 1, or engine native',
  });
});

/** A guest of 512 GiB, and one op that touches all of it by 4K pages. */
function longTouch(): { host: Engine; touch: OpBuilder } {
  const size = 512 * GiB;
  const host = createEngine({ policy: 'mainline-6.18', memory: size, arch: 'snp', contents: false });
  host.apply([
    { op: 'create', size },
    { op: 'bind', slot: 0, size },
  ]);
  return { host, touch: new OpBuilder().push({ op: 'touch', gpa: 0, size }) };
}

for (const vcpus of [1, 2]) {
  test(`an abort is heard inside one long op, ${vcpus} thread(s)`, async () => {
    const { host, touch } = longTouch();
    for (const after of [0, 40]) {
      const controller = new AbortController();
      const run = host.run(touch.stream, { vcpus, signal: controller.signal });
      setTimeout(() => controller.abort(new Error('enough')), after);
      await assert.rejects(run, (error: { code?: string; message: string; cause?: Error }) => {
        assert.equal(error.code, 'ERR_GMEM_ABORTED');
        assert.match(error.message, /after 0 of 1 ops/);
        assert.equal(error.cause?.message, 'enough');
        return true;
      });
    }
    const { faults_4k } = host.counters();
    assert.ok(faults_4k > 0 && faults_4k < (512 * GiB) / 4096, String(faults_4k));
    assert.deepEqual(host.verify(), []);
    // What was cut short can be gone on with.
    assert.equal(host.apply({ op: 'touch', gpa: 0, size: 4096 }).ok, true);
    assert.equal((await host.run([{ op: 'close', gmem: 0 }], { vcpus })).ops, 1);
    assert.equal(host.counters().host_pages_end, 0);
    host.close();
  });
}

test('long ops of every kind end at an abort, and the engine holds', async () => {
  const size = 64 * GiB;
  const long = [
    { op: 'fallocate', gmem: 0, offset: 0, size },
    { op: 'touch', gpa: 0, size },
    { op: 'convert', gpa: 0, size, to: 'shared' },
    { op: 'convert', gpa: 0, size, to: 'private' },
    { op: 'punch', gmem: 0, offset: 0, size },
    { op: 'pin', gmem: 0, offset: 0, size, kind: 'speculative', tries: 1 },
    { op: 'populate', gpa: 0, size, fill: 0 },
    { op: 'close', gmem: 0 },
  ] as const;
  const cut = new Set<string>();
  for (const policy of ['mainline-6.18', 'inplace-v6', 'rfc-thp', 'hugetlb-1g'] as const) {
    const host = createEngine({ policy, memory: 96 * GiB, arch: 'snp', contents: false });
    host.apply([
      { op: 'create', size },
      { op: 'bind', slot: 0, size },
      { op: 'touch', gpa: 0, size: size / 64 },
    ]);
    for (const op of long) {
      const controller = new AbortController();
      const run = host.run([op], { signal: controller.signal });
      // The loop turns once the op is under way; a short one is over by then.
      setImmediate(() => controller.abort());
      await run.catch((error: { code?: string }) => {
        assert.equal(error.code, 'ERR_GMEM_ABORTED');
        cut.add(`${policy} ${op.op}`);
      });
      assert.deepEqual(host.verify(), [], `${policy}: ${op.op}`);
    }
    host.close();
  }
  // Seconds of work each, where pages are 4K: these cannot have ended first.
  for (const op of ['fallocate', 'touch']) assert.ok(cut.has(`mainline-6.18 ${op}`), `${op}: ${[...cut].join(', ')}`);
});

test('while threads run, every other call is refused; progress is told', async () => {
  const { host, touch } = longTouch();
  const controller = new AbortController();
  let progress = 0;
  const run = host.run(touch.stream, {
    vcpus: 2,
    signal: controller.signal,
    onProgress: ({ done, total }) => {
      progress += 1;
      assert.deepEqual([done, total], [0, 1]);
      const busy = { code: 'ERR_GMEM_BUSY' };
      assert.throws(() => host.apply({ op: 'touch', gpa: 0 }), busy);
      assert.throws(() => host.counters(), busy);
      assert.throws(() => host.verify(), busy);
      assert.throws(() => host.host(), busy);
      controller.abort();
    },
  });
  await assert.rejects(run, { code: 'ERR_GMEM_ABORTED' });
  assert.ok(progress > 0);
  assert.deepEqual(host.verify(), []);
  host.close();
});

test('close ends a run on threads', async () => {
  for (const vcpus of [1, 3]) {
    const { host, touch } = longTouch();
    const run = host.run(touch.stream, { vcpus });
    setTimeout(() => host.close(), 20);
    await assert.rejects(run, { code: 'ERR_GMEM_CLOSED' });
    assert.throws(() => host.counters(), { code: 'ERR_GMEM_CLOSED' });
  }
});

const LONG_RUN = `
  const { createEngine, OpBuilder } = await import(${JSON.stringify(LIBRARY)});
  const size = 512 * 2 ** 30;
  const host = createEngine({ policy: 'mainline-6.18', memory: size, arch: 'snp', contents: false });
  host.apply([{ op: 'create', size }, { op: 'bind', slot: 0, size }]);
  const run = host.run(new OpBuilder().push({ op: 'touch', gpa: 0, size }).stream, { vcpus: 2 });
`;

test('a process may exit, throw or be told to end in the middle of a run', () => {
  const run = (then: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', `${LONG_RUN}${then}`], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  assert.deepEqual(run('setTimeout(() => process.exit(7), 30);').status, 7);
  const thrown = run('setTimeout(() => { throw new Error("as it may happen"); }, 30);');
  assert.equal(thrown.status, 1);
  assert.match(thrown.stderr, /as it may happen/);
  assert.equal(run('setTimeout(() => process.kill(process.pid, "SIGTERM"), 30); await run;').signal, 'SIGTERM');
});

test('a worker may be terminated in the middle of a run', async () => {
  const worker = new Worker(
    new URL(
      `data:text/javascript,${encodeURIComponent(`${LONG_RUN}
    const { parentPort } = await import('node:worker_threads');
    parentPort.postMessage('running');
    await run;`)}`,
    ),
  );
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.equal(await worker.terminate(), 1);
});

test('what happens to the buffers of a run does not reach it', async () => {
  const host = start('native', { memory: '1GiB' });
  const builder = new OpBuilder();
  const { stream } = new OpBuilder().push({ op: 'create', size: 2 ** 29 }).push({ op: 'bind', slot: 0, size: 2 ** 29 });
  await host.run(stream);
  for (let i = 0; i < 50_000; i += 1) {
    builder.push({ op: 'touch', vcpu: i % 4, gpa: (i * 4096 * 7) % 2 ** 29 });
  }
  const run = host.run(builder.stream, { vcpus: 2, outcomes: true });
  const { buffer } = builder.stream.records.bytes;
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  const { ops, outcomes } = await run;
  assert.equal(ops, 50_000);
  assert.ok(outcomes !== undefined);
  for (let i = 0; i < ops; i += 1) assert.equal(outcomes.errno(i), 0);
  assert.deepEqual(host.verify(), []);
  // What the records said before their buffer went, as another run of them counts it.
  const undisturbed = start('native', { memory: '1GiB' });
  await undisturbed.run(stream);
  const again = new OpBuilder();
  for (let i = 0; i < 50_000; i += 1) again.push({ op: 'touch', vcpu: i % 4, gpa: (i * 4096 * 7) % 2 ** 29 });
  await undisturbed.run(again.stream);
  const counted = { ...undisturbed.counters(), stranded_pages_end: 0 };
  assert.ok(counted.faults_4k + counted.faults_2m > 0);
  assert.deepEqual({ ...host.counters(), stranded_pages_end: 0 }, counted);
  undisturbed.close();
  host.close();
});

test('the addon itself refuses what is no run', async () => {
  type Call = (...args: unknown[]) => unknown;
  const addon = loadAddon() as Record<string, Call>;
  const call = (name: string, ...args: unknown[]): unknown => (addon[name] as Call)(...args);
  const hostile = [
    undefined,
    null,
    -1,
    0.5,
    Number.NaN,
    2 ** 40,
    'x',
    {},
    [],
    () => 1,
    new Uint8Array(3),
    new Float64Array(80),
  ];
  for (const name of ['runAsync', 'runUntilLong', 'abort', 'progress']) {
    let refused = 0;
    for (const a of hostile) {
      for (const b of hostile) {
        for (const c of hostile) {
          try {
            call(name, a, b, 0, c, null, 2, () => {});
          } catch (error) {
            assert.ok(error instanceof TypeError, String(error));
            refused += 1;
          }
        }
      }
    }
    assert.equal(refused, hostile.length ** 3, name);
  }
  const engine = start('native');
  engine.close();
});
