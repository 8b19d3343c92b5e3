/**
 * Create and destroy, again and again, also after what goes wrong: every engine leaves the process as it found it.
 *
 * In a process of its own, whose descriptors, threads (the kernel gives a VM one), mappings and memory are nobody else's.
 * Every round holds 2 MiB more than the one before would leave, were anything left: a leak shows at once.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { SKIP_VCPU } from './support.js';

interface State {
  descriptors: number;
  threads: number;
  /** Mappings of VMs, vCPUs and gmem files. */
  kernelMappings: number;
  mappings: number;
  residentKib: number;
}

interface Soak {
  before: State;
  /** After each part of the rounds. */
  parts: State[];
  inUse: State;
  answers: string[];
}

/** How a round ends: what it does after guest and host have touched gmem. */
const ENDINGS = ['closed', 'left to the engine', 'guest crashed', 'file closed first', 'run aborted', 'VM destroyed'];
/** Of a part, and parts. */
const ROUNDS = 30;
const PARTS = 3;

const at = (path: string): string => JSON.stringify(new URL(`../../lib/${path}`, import.meta.url).href);

const SCRIPT = `
  import { readdirSync, readFileSync } from 'node:fs';
  import { createEngine } from ${at('index.js')};
  import { KvmBackend } from ${at('kvm/backend.js')};
  import { OpBuilder } from ${at('ops/builder.js')};
  import { OutcomeRecords } from ${at('ops/outcomes.js')};

  const BYTES = 2 ** 21;
  const SETUP = [
    { op: 'create', size: BYTES, flags: 3 },
    { op: 'bind', slot: 0, gpa: 0, size: BYTES },
    { op: 'create', gmem: 1, vm: 1, size: BYTES },
    { op: 'bind', gmem: 1, vm: 1, slot: 0, gpa: 0, size: BYTES },
    { op: 'touch', gpa: 0, size: BYTES, write: true },
    { op: 'guest-write', vm: 1, gpa: 0, size: BYTES, byte: 3 },
    { op: 'host-write', offset: 0, size: BYTES, byte: 1 },
    { op: 'vmm-write', vm: 1, gpa: 0, size: BYTES, byte: 2 },
    { op: 'pin', offset: 0, size: 8192, kind: 'gup' },
  ];
  const answers = new Set();

  function ask(kernel, ops) {
    const builder = new OpBuilder();
    for (const op of ops) builder.push(op);
    const outcomes = new OutcomeRecords(ops.length);
    kernel.run(builder.stream.records.bytes, 0, ops.length, outcomes.bytes);
    ops.forEach((op, i) => {
      const { ok, errno } = outcomes.decode(i, op.op);
      if (!ok) answers.add(op.op + ' ' + errno);
    });
  }

  function state() {
    globalThis.gc();
    const maps = readFileSync('/proc/self/maps', 'utf8').split('\\n');
    return {
      descriptors: readdirSync('/proc/self/fd').length,
      threads: readdirSync('/proc/self/task').length,
      kernelMappings: maps.filter((line) => /kvm|guest_memfd|memfd:gmem|io_uring/.test(line)).length,
      mappings: maps.length,
      residentKib: Number(/^VmRSS:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]),
    };
  }

  async function aborted() {
    const engine = createEngine({ engine: 'kvm', policy: 'mainline-6.18', memory: '1GiB', residentLimit: '64MiB' });
    const ops = [...SETUP];
    for (let i = 0; i < 20000; i += 1) ops.push({ op: 'touch', gpa: (i % 512) * 4096 });
    const controller = new AbortController();
    const run = engine.run(ops, { signal: controller.signal, onProgress: () => controller.abort() });
    controller.abort();
    await run.then(() => answers.add('the run was not aborted'), (error) => answers.add(error.code));
    engine.close();
  }

  let inUse;
  async function round(ending) {
    if (ending === 'run aborted') return aborted();
    const kernel = new KvmBackend({ residentLimitBytes: 2 ** 26 });
    ask(kernel, SETUP);
    inUse ??= state();
    if (ending === 'guest crashed') {
      answers.add('crash ' + kernel.crash(0) + ' ' + kernel.host().guest_crashes);
      ask(kernel, [{ op: 'guest-read', gpa: 0, size: BYTES }]);
    }
    if (ending === 'file closed first') ask(kernel, [{ op: 'close' }, { op: 'touch', gpa: 0 }]);
    if (ending === 'VM destroyed') ask(kernel, [{ op: 'destroy', vm: 1 }, { op: 'destroy' }]);
    if (ending === 'closed') ask(kernel, [{ op: 'close', gmem: 1 }, { op: 'close' }, { op: 'destroy' }]);
    kernel.close();
  }

  const endings = ${JSON.stringify(ENDINGS)};
  for (const ending of endings) await round(ending);
  const before = state();
  const parts = [];
  for (let part = 0; part < ${PARTS}; part += 1) {
    for (let i = 0; i < ${ROUNDS}; i += 1) await round(endings[i % endings.length]);
    parts.push(state());
  }
  console.log(JSON.stringify({ before, parts, inUse, answers: [...answers].sort() }));
`;

test('create and destroy leave no descriptor, mapping, VM or memory, however it ends', { skip: SKIP_VCPU }, () => {
  const child = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', SCRIPT], { encoding: 'utf8' });
  assert.equal(child.status, 0, child.stderr);
  const { before, parts, inUse, answers } = JSON.parse(child.stdout) as Soak;
  // The endings are what they are called: the crash is EIO, the closed file EFAULT, the abort an abort.
  assert.deepEqual(answers, ['ERR_GMEM_ABORTED', 'crash 5 1', 'touch EFAULT']);
  // While an engine is in use there is something to leave behind.
  assert.ok(inUse.descriptors > before.descriptors);
  assert.ok(inUse.kernelMappings > 0);
  for (const later of parts) {
    assert.equal(later.descriptors, before.descriptors);
    assert.equal(later.threads, before.threads);
    assert.equal(later.kernelMappings, 0);
  }
  // Node maps and holds memory of its own as it likes, some of it late and all at once: what is left behind by the rounds
  // grows in every part of them.
  const leastGrowth = (of: (state: State) => number): number =>
    Math.min(...parts.slice(1).map((part, i) => of(part) - of(parts[i] as State)));
  assert.ok(leastGrowth(({ mappings }) => mappings) < ROUNDS / 2, JSON.stringify(parts));
  // Half of the rounds hold more than 4 MiB each: 60 MiB a part if they kept it.
  assert.ok(leastGrowth(({ residentKib }) => residentKib) < 32 * 1024, JSON.stringify(parts));
});
