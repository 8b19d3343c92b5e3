import assert from 'node:assert/strict';
import test from 'node:test';
import { COUNTER_NAMES, type Engine, expectOk, GmemError, type OpInput } from '../../lib/index.js';
import { ENGINES, MiB, start, startBound } from './engines.js';

for (const kind of ENGINES) {
  test(`${kind}: a guest's page goes from fault to hole, and every station shows it`, () => {
    const { host, vm, gmem } = startBound(kind);
    assert.equal(gmem.size, 8 * MiB);
    const fault = vm.fault({ gpa: '2MiB', access: 'private', write: true });
    assert.deepEqual(fault, { ok: true, pfn: fault.pfn, order: 9, level: '2M' });
    assert.deepEqual(vm.write({ gpa: '2MiB', size: 4096, byte: 0x5a }), { ok: true });
    assert.deepEqual(vm.read({ gpa: '2MiB', size: 4096 }), { ok: true, byte: 0x5a });

    const view = gmem.pages();
    assert.equal(view.length, 2048);
    assert.equal(view.pfn(0), undefined);
    assert.equal(view.order(0), undefined);
    assert.equal(view.pfn(512), fault.pfn);
    assert.equal(view.order(512), 9);
    assert.equal(view.leaf(512), 9);
    assert.equal(view.has(512, 'prepared'), true);
    assert.deepEqual(view.rmp(513), { asid: 1, gfn: 513, order: 9, validated: false, immutable: false });
    assert.deepEqual(
      [...gmem.pages(511, 2)].map((page) => [page.index, page.kind, page.bound, page.prepared]),
      [
        [511, 'private', true, false],
        [512, 'private', true, true],
      ],
    );

    assert.deepEqual(vm.convert({ gpa: '2MiB', size: 4096, to: 'shared' }), {
      ok: true,
      changed: 1,
      split: 1,
      merged: 0,
    });
    assert.equal(gmem.pages(512, 1).page(0).kind, 'shared');
    assert.deepEqual(gmem.punch({ offset: '2MiB', size: '2MiB' }), { ok: true, freed: 511, zeroed: 0, split: 0 });

    const counters = host.counters();
    assert.equal(counters.faults_2m, 1);
    assert.equal(counters.splits_2m, 1);
    assert.equal(counters.psmash, 1);
    assert.equal(counters.folios_freed_4k, 512);
    assert.equal(counters.host_pages_end, 0);
    assert.deepEqual(Object.keys(counters), [...COUNTER_NAMES, 'errors']);
    assert.deepEqual(host.verify(), []);
    host.close();
  });

  test(`${kind}: what the kernel refuses is data, and expectOk makes it an exception`, () => {
    const { host, vm, gmem } = startBound(kind);
    assert.deepEqual(gmem.punch({ offset: 1, size: 4096 }), { ok: false, errno: 'EINVAL' });
    assert.deepEqual(vm.fault({ gpa: 0, access: 'shared' }), { ok: false, errno: 'EFAULT', exit: 'memory-fault' });
    assert.deepEqual(vm.fault({ gpa: '1TiB', access: 'private' }), {
      ok: false,
      errno: 'EFAULT',
      exit: 'memory-fault',
    });
    assert.deepEqual(host.gmem(9).fallocate({ offset: 0, size: 4096 }), { ok: false, errno: 'EBADF' });
    assert.deepEqual(host.counters().errors, { EBADF: 1, EFAULT: 2, EINVAL: 1 });
    assert.throws(
      () => expectOk(vm.fault({ gpa: 0, access: 'shared' })),
      (error: unknown) =>
        error instanceof GmemError &&
        error.code === 'ERR_GMEM_OP' &&
        error.errno === 'EFAULT' &&
        error.op === 'fault' &&
        error.message === 'fault: EFAULT, exit memory-fault',
    );
    const outcome = vm.touch({ gpa: 0 });
    assert.equal(expectOk(outcome), outcome);
    assert.throws(() => vm.createGmem({ size: 4097, id: 3 }), {
      code: 'ERR_GMEM_OP',
      errno: 'EINVAL',
      op: 'create',
      message: 'create: EINVAL, gmem 3, size 4097, flags none',
    });
    host.close();
  });

  test(`${kind}: every op has its method`, () => {
    const host = start(kind, { arch: 'none' });
    const vm = host.vm();
    const gmem = vm.createGmem({ size: '4MiB', flags: ['mmap', 'init-shared'], id: 7 });
    assert.equal(gmem.id, 7);
    assert.equal(vm.createGmem({ size: 4096 }).id, 0);
    const ok = { ok: true };
    assert.deepEqual(vm.bind({ slot: 1, gpa: 0, size: '4MiB', gmem }), ok);
    assert.deepEqual(host.set('hugepages', 'off'), ok);
    assert.deepEqual(gmem.fallocate({ offset: 0, size: 8192 }), ok);
    assert.deepEqual(gmem.hostWrite({ offset: 0, size: 4096, byte: 1 }), ok);
    assert.deepEqual(gmem.hostRead({ offset: 0, size: 4096 }), { ok: true, byte: 1 });
    assert.deepEqual(vm.vmmWrite({ gpa: 4096, size: 4096, byte: 2 }), ok);
    assert.deepEqual(vm.vmmRead({ gpa: 4096, size: 4096 }), { ok: true, byte: 2 });
    assert.deepEqual(gmem.hostRead({ offset: 0, size: 8192 }), { ok: true, mixed: true });
    assert.equal(gmem.pin({ offset: 0, size: 4096 }).ok, true);
    assert.equal(gmem.pages(0, 1).has(0, 'pinned'), true);
    assert.equal(gmem.unpin({ offset: 0, size: 4096 }).ok, true);
    assert.deepEqual(vm.setAttributes({ gpa: 0, size: '2MiB', to: 'private' }), ok);
    assert.equal(vm.populate({ gpa: '1MiB', size: 4096, fill: 3 }).done, 1);
    assert.deepEqual(vm.finalize(), ok);
    assert.deepEqual(vm.validate({ gpa: 0, size: '4K' }), { ok: false, errno: 'EOPNOTSUPP' });
    assert.equal(host.set('hugepages', '2M').ok, true);
    assert.deepEqual(host.set('rmp-busy', 3), { ok: false, errno: 'EOPNOTSUPP' });
    assert.deepEqual(vm.touch({ gpa: '2MiB' }), ok);
    assert.equal(gmem.pages(512, 1).order(0), 9);
    assert.equal(gmem.split({ offset: '2MiB', size: '2MiB' }).split, 1);
    assert.equal(gmem.merge({ offset: '2MiB', size: '2MiB', order: '2M' }).merged, 1);
    assert.deepEqual(gmem.poison({ offset: '2MiB' }), ok);
    assert.equal(vm.touch({ gpa: '2MiB' }).errno, 'EHWPOISON');
    assert.deepEqual(host.pressure({ order: 9, free: 1 }), ok);
    assert.deepEqual(vm.bind({ slot: 1, size: 0, gmem }), ok);
    assert.deepEqual(gmem.close(), ok);
    assert.equal(gmem.size, undefined);
    assert.deepEqual(vm.destroy(), ok);
    assert.deepEqual(vm.destroy(), { ok: false, errno: 'EBADF' });
    assert.deepEqual(host.verify(), []);
    host.close();
  });

  test(`${kind}: several engines at once know nothing of each other`, () => {
    const a = startBound(kind);
    const b = startBound(kind);
    a.vm.write({ gpa: 0, size: 4096, byte: 1 });
    assert.deepEqual(b.vm.read({ gpa: 0, size: 4096 }), { ok: true, byte: 0 });
    a.host.close();
    assert.deepEqual(b.vm.read({ gpa: 0, size: 4096 }), { ok: true, byte: 0 });
    b.host.close();
  });

  test(`${kind}: after close every call throws ERR_GMEM_CLOSED, and close does not`, async () => {
    const { host, vm, gmem } = startBound(kind);
    const view = gmem.pages(0, 1);
    assert.equal(host.closed, false);
    host[Symbol.dispose]();
    host.close();
    assert.equal(host.closed, true);
    const calls: (() => unknown)[] = [
      () => host.counters(),
      () => host.verify(),
      () => host.host(),
      () => host.pages(gmem),
      () => host.fileSize(0),
      () => host.freeGmemId(),
      () => host.apply({ op: 'touch', gpa: 0 }),
      () => host.apply([]),
      () => host.set('hugepages', 'off'),
      () => host.pressure({ order: 9, free: 0 }),
      () => vm.touch({ gpa: 0 }),
      () => vm.createGmem({ size: 4096 }),
      () => gmem.close(),
      () => gmem.size,
    ];
    for (const call of calls) assert.throws(call, { name: 'GmemError', code: 'ERR_GMEM_CLOSED' });
    await assert.rejects(host.run([]), { code: 'ERR_GMEM_CLOSED' });
    assert.equal(view.page(0).pfn, undefined);
  });

  test(`${kind}: contents switched off answer ENODATA`, () => {
    const { host, vm } = startBound(kind, { contents: false });
    assert.deepEqual(vm.write({ gpa: 0, size: 4096, byte: 1 }), { ok: true });
    assert.equal(vm.read({ gpa: 0, size: 4096 }).errno, 'ENODATA');
    host.close();
  });
}

test('kvm: the same interface over the running kernel, or one error that says what it lacks', () => {
  let host: Engine;
  try {
    host = start('kvm');
  } catch (error) {
    assert.ok(error instanceof GmemError);
    assert.equal(error.code, 'ERR_GMEM_HOST');
    assert.match(error.message, /^kvm engine: /);
    assert.notEqual(error.errno, undefined);
    return;
  }
  const gmem = host.vm().createGmem({ size: '2MiB' });
  assert.deepEqual(gmem.punch({ offset: 1, size: 4096 }), { ok: false, errno: 'EINVAL' });
  assert.deepEqual(host.counters().errors, { EINVAL: 1 });
  assert.deepEqual(host.verify(), []);
  host.close();
});

test('latency: every 61st op of a run is in the figures, by kind, and no answer changes', async () => {
  const ops: OpInput[] = [
    { op: 'create', size: 8 * MiB },
    { op: 'bind', slot: 0, size: 8 * MiB },
  ];
  for (let i = 0; i < 6098; i += 1) ops.push({ op: 'touch', gpa: (i % 2048) * 4096 });
  const plain = start('native', { policy: 'mainline-6.18' });
  const timed = start('native', { policy: 'mainline-6.18', latency: true });
  await plain.run(ops);
  await timed.run(ops);
  assert.deepEqual(timed.counters(), plain.counters());
  assert.deepEqual(
    Object.keys(plain.host()).filter((name) => name.startsWith('latency')),
    [],
  );
  const host = timed.host() as Record<string, number>;
  assert.equal(host.latency_sampled_every, 61);
  assert.equal(host.latency_touch_samples, Math.floor(6100 / 61));
  const told = ['p50', 'p90', 'p99', 'p99_9', 'max'].map((name) => host[`latency_touch_${name}_ns`] as number);
  assert.deepEqual(
    told,
    [...told].sort((a, b) => a - b),
  );
  assert.ok((told.at(-1) as number) > 0);
  assert.equal(host.latency_create_samples, undefined);
  // An op that can be ended runs elsewhere, and is one among the others.
  await timed.run([...ops.slice(2, 62), { op: 'punch', offset: 0, size: 2 ** 30 }]);
  assert.equal((timed.host() as Record<string, number>).latency_punch_samples, 1);
  plain.close();
  timed.close();
  assert.throws(() => start('reference', { latency: true }), { code: 'ERR_GMEM_ARGUMENT', message: /native only/ });
});
