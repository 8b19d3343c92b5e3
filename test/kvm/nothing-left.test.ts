/** Descriptors, mappings and memory before and after: nothing of an engine stays. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import test from 'node:test';
import { Stepper } from '../../lib/conform/judge.js';
import { randomStream } from '../../lib/conform/random-stream.js';
import { ask, ask1, PAGE, SKIP, withKernel } from './support.js';

/** Open descriptors that have to do with KVM or with the engine's memory files. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((target) => /kvm|guest_memfd|gmem|io_uring/.test(target));
}

function mappings(): string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => /kvm|guest_memfd|memfd:gmem/.test(line));
}

function use(seed: number): void {
  withKernel((kernel) => {
    const stepper = new Stepper(kernel);
    for (const fields of randomStream(seed, 150)) stepper.step(fields);
    assert.ok(descriptors().length > 0);
  });
}

test('a soak of engines leaves no descriptor and no mapping', { skip: SKIP }, () => {
  const before = { descriptors: descriptors(), mappings: mappings(), fds: 0 };
  use(1);
  before.fds = readdirSync('/proc/self/fd').length;
  for (let seed = 2; seed < 30; seed += 1) use(seed);
  assert.deepEqual(descriptors(), before.descriptors);
  assert.deepEqual(mappings(), before.mappings);
  assert.equal(readdirSync('/proc/self/fd').length, before.fds);
});

test('files and VMs may go in any order', { skip: SKIP }, () => {
  withKernel((kernel) => {
    const empty = descriptors().length;
    const create = { op: 'create', size: 4 * PAGE, flags: 3 } as const;
    const bind = { op: 'bind', slot: 0, gpa: PAGE, size: 4 * PAGE } as const;
    const close = { op: 'close' } as const;
    const orders = [
      (vm: number) =>
        [
          { ...close, gmem: 0 },
          { op: 'bind', vm, slot: 0, size: 0 },
          { op: 'destroy', vm },
        ] as const,
      (vm: number) =>
        [
          { op: 'destroy', vm },
          { ...close, gmem: 0 },
        ] as const,
      (vm: number) =>
        [
          { ...close, gmem: 0 },
          { op: 'destroy', vm },
        ] as const,
      (vm: number) =>
        [
          { op: 'bind', vm, slot: 0, size: 0 },
          { op: 'destroy', vm },
          { ...close, gmem: 0 },
        ] as const,
    ];
    for (const [vm, order] of orders.entries()) {
      const answers = ask(kernel, { ...create, vm }, { ...bind, vm }, { op: 'touch', vm, gpa: PAGE }, ...order(vm));
      assert.ok(
        answers.every((answer) => answer.ok),
        JSON.stringify(answers),
      );
      assert.equal(descriptors().length, empty);
    }
    assert.deepEqual(kernel.host().slots_bound, 0);
  });
});

test('a child process inherits nothing', { skip: SKIP }, () => {
  withKernel((kernel) => {
    ask(kernel, { op: 'create', size: PAGE, flags: 3 }, { op: 'bind', slot: 0, size: PAGE }, { op: 'touch', gpa: 0 });
    const child = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    assert.equal(child.status, 0);
    assert.doesNotMatch(child.stdout, /kvm|guest_memfd|gmem|io_uring/);
    assert.deepEqual(kernel.verify(), []);
  });
});

test('a closed engine refuses, and closing it again does nothing', { skip: SKIP }, () => {
  const kernel = withKernel((open) => open);
  assert.throws(() => ask1(kernel, { op: 'set', key: 'hugepages', value: 'off' }), /closed/);
  kernel.close();
});

test('no descriptor left is EMFILE, and the engine goes on', { skip: SKIP }, () => {
  const script = `
    import { KvmBackend } from ${JSON.stringify(new URL('../../lib/kvm/backend.js', import.meta.url).href)};
    import { randomStream } from ${JSON.stringify(new URL('../../lib/conform/random-stream.js', import.meta.url).href)};
    import { Stepper } from ${JSON.stringify(new URL('../../lib/conform/judge.js', import.meta.url).href)};
    import { OP_KIND } from ${JSON.stringify(new URL('../../lib/spec/ops.js', import.meta.url).href)};
    const kernel = new KvmBackend({ residentLimitBytes: 2 ** 30 });
    const stepper = new Stepper(kernel);
    const op = { kind: OP_KIND.create, flags: 0, vcpu: 0, vm: 0, gmem: 0, arg: 0, address: 0, size: 4096, extra: 3 };
    const answers = [];
    for (let gmem = 0; gmem < 200; gmem += 1) answers.push(stepper.step({ ...op, gmem }).errno ?? 'ok');
    answers.push(stepper.step({ ...op, gmem: 500, size: 1 }).errno, stepper.step({ ...op, gmem: 500, extra: 4 }).errno);
    answers.push(stepper.step({ ...op, kind: OP_KIND.close }).errno ?? 'ok', stepper.step(op).errno ?? 'ok');
    console.log(JSON.stringify(answers));
  `;
  const child = spawnSync(
    'bash',
    ['-c', 'ulimit -n 120 && exec "$0" --input-type=module -e "$1"', process.execPath, script],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(child.status, 0, child.stderr);
  const answers = JSON.parse(child.stdout) as string[];
  assert.equal(answers[0], 'ok');
  assert.equal(answers[199], 'EMFILE');
  assert.deepEqual(answers.slice(200), ['EINVAL', 'EINVAL', 'ok', 'ok']);
});
