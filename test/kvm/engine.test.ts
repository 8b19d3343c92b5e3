/** The kvm engine itself: what it asks, what it says it cannot do, and that its own slot is never in the way. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { COUNTER_NAMES } from '../../lib/spec/counters.js';
import { ERRNOS } from '../../lib/spec/errnos.js';
import { PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';
import { ask, ask1, PAGE, SKIP, SKIP_PINS, SKIP_VCPU, withKernel } from './support.js';

const GPA = 2 ** 30;
const shared = { op: 'create', gmem: 0, size: 8 * PAGE, flags: ['mmap', 'init-shared'] } as const;
const bound = { op: 'bind', slot: 0, gpa: GPA, size: 8 * PAGE, gmem: 0 } as const;

test('a vCPU, the file and the slot see the same bytes', { skip: SKIP_VCPU }, () => {
  withKernel((kernel) => {
    const answers = ask(
      kernel,
      shared,
      bound,
      { op: 'guest-write', gpa: GPA + 100, size: 2 * PAGE, byte: 0x5a },
      { op: 'host-read', gmem: 0, offset: 100, size: 2 * PAGE },
      { op: 'host-read', gmem: 0, offset: 99, size: 2 },
      { op: 'host-write', gmem: 0, offset: 7 * PAGE, size: PAGE, byte: 0xa5 },
      { op: 'guest-read', gpa: GPA + 7 * PAGE, size: PAGE },
      { op: 'vmm-read', gpa: GPA + 7 * PAGE, size: PAGE },
      { op: 'guest-read', gpa: GPA + 7 * PAGE, size: PAGE + 1 },
    );
    assert.deepEqual(answers.slice(3), [
      { ok: true, byte: 0x5a },
      { ok: true, mixed: true },
      { ok: true },
      { ok: true, byte: 0xa5 },
      { ok: true, byte: 0xa5 },
      { ok: true, mmio: true, done: PAGE },
    ]);
  });
});

test('a mixed range is seen wherever the other byte is', { skip: SKIP_VCPU }, () => {
  withKernel((kernel) => {
    ask(kernel, shared, bound);
    for (const at of [0, 1, PAGE - 1, PAGE, 2 * PAGE - 1]) {
      const answers = ask(
        kernel,
        { op: 'guest-write', gpa: GPA, size: 2 * PAGE, byte: 1 },
        { op: 'guest-read', gpa: GPA, size: 2 * PAGE },
        { op: 'guest-write', gpa: GPA + at, size: 1, byte: 2 },
        { op: 'guest-read', gpa: GPA, size: 2 * PAGE },
        { op: 'host-read', gmem: 0, offset: 0, size: 2 * PAGE },
      );
      assert.deepEqual(answers[1], { ok: true, byte: 1 });
      assert.deepEqual(answers.slice(3), Array(2).fill({ ok: true, mixed: true }), `byte ${at}`);
    }
  });
});

test('an access that left the guest leaves nothing behind for the next one', { skip: SKIP_VCPU }, () => {
  withKernel((kernel) => {
    ask(kernel, shared, bound);
    for (const stopped of ['guest-read', 'guest-write'] as const) {
      const answers = ask(
        kernel,
        { op: stopped, gpa: GPA, size: 64 * PAGE, byte: 3 },
        { op: 'touch', gpa: GPA + 64 * PAGE },
        { op: 'touch', gpa: GPA + 64 * PAGE, write: true },
        { op: 'fault', gpa: 0, access: 'shared' },
      );
      assert.deepEqual(answers[0], { ok: true, mmio: true, done: 8 * PAGE });
      assert.deepEqual(answers[1], { ok: true, mmio: true, done: 0 });
      assert.deepEqual(answers[2], { ok: true, mmio: true, done: 0 });
      assert.deepEqual(answers[3], { ok: true, mmio: true });
    }
  });
});

test('accesses across GiB and 512 GiB borders', { skip: SKIP_VCPU }, () => {
  withKernel((kernel) => {
    const places = [2 ** 30, 2 ** 39, 2 ** 47, 2 ** 51].filter(
      (gpa) => gpa < 2 ** (kernel.capabilities.physicalBits - 1),
    );
    for (const [slot, border] of places.entries()) {
      const gpa = border - 4 * PAGE;
      const answers = ask(
        kernel,
        { ...shared, gmem: slot },
        { op: 'bind', slot, gpa, size: 8 * PAGE, gmem: slot },
        { op: 'guest-write', gpa, size: 8 * PAGE, byte: 9 },
        { op: 'guest-read', gpa, size: 8 * PAGE },
        { op: 'guest-write', gpa: border, size: 1, byte: 8 },
        { op: 'guest-read', gpa, size: 8 * PAGE },
        { op: 'touch', gpa: gpa + 1, size: 8 * PAGE },
      );
      assert.deepEqual(answers[3], { ok: true, byte: 9 }, `${border}`);
      assert.deepEqual(answers[5], { ok: true, mixed: true }, `${border}`);
      assert.deepEqual(answers[6], { ok: true, mmio: true, done: 8 }, `${border}`);
    }
  });
});

test('the slot the guest needs for itself is in nobody’s way', { skip: SKIP_VCPU }, () => {
  withKernel((kernel) => {
    const { slots, physicalBits } = kernel.capabilities;
    const top = 2 ** physicalBits;
    ask(kernel, { ...shared, size: 64 * PAGE }, bound, { op: 'touch', gpa: GPA });
    // Its number and its place are not taken, however often they are asked for.
    for (let i = 0; i < 5; i += 1) {
      const slot = slots - 1 - i;
      const at = (8 + i) * PAGE;
      assert.deepEqual(ask1(kernel, { op: 'bind', slot, size: 0 }), { ok: false, errno: 'EINVAL' });
      const gpa = top - (i + 1) * 2 ** (physicalBits - 12);
      assert.deepEqual(ask1(kernel, { op: 'touch', gpa }), { ok: true, mmio: true, done: 0 });
      const answers = ask(
        kernel,
        { op: 'bind', slot, gpa, size: PAGE, gmem: 0, offset: at },
        { op: 'guest-write', gpa, size: PAGE, byte: i },
        { op: 'host-read', gmem: 0, offset: at, size: PAGE },
        { op: 'guest-read', gpa: GPA, size: PAGE },
      );
      assert.deepEqual(answers[0], { ok: true });
      assert.deepEqual(answers[2], { ok: true, byte: i });
      assert.deepEqual(answers[3], { ok: true, byte: 0 });
    }
  });
});

test('a long fill reaches the file alone, whatever the kernel prefetches', { skip: SKIP_VCPU }, () => {
  const size = 2 ** 28;
  withKernel((kernel) => {
    const answers = ask(
      kernel,
      { op: 'create', gmem: 0, size, flags: 3 },
      { op: 'bind', slot: 0, gpa: GPA, size, gmem: 0 },
      { op: 'host-write', gmem: 0, offset: 0, size: 2 ** 24, byte: 0x22 },
      // One page of each group of neighbours first, then all of them.
      { op: 'touch', gpa: GPA },
      { op: 'guest-read', gpa: GPA, size: 2 ** 24 },
      { op: 'guest-write', gpa: GPA, size, byte: 0x33 },
      { op: 'guest-read', gpa: GPA, size },
      { op: 'host-read', gmem: 0, offset: 0, size },
    );
    assert.deepEqual(answers.slice(4), [
      { ok: true, byte: 0x22 },
      { ok: true },
      { ok: true, byte: 0x33 },
      { ok: true, byte: 0x33 },
    ]);
  });
});

test('what this kernel cannot do is EOPNOTSUPP, counted, and stops nothing', { skip: SKIP }, () => {
  withKernel((kernel) => {
    const answers = ask(
      kernel,
      { op: 'create', gmem: 0, size: 8 * PAGE },
      { op: 'convert', gpa: 0, size: PAGE, to: 'private' },
      { op: 'attributes', gpa: 0, size: PAGE, to: 'private' },
      { op: 'fault', gpa: 0, access: 'private' },
      { op: 'fault', gpa: 0, access: 'shared', map: false },
      { op: 'populate', gpa: 0, size: PAGE },
      { op: 'validate', gpa: 0, size: PAGE },
      { op: 'finalize' },
      { op: 'split', gmem: 0, offset: 0, size: PAGE },
      { op: 'merge', gmem: 0, offset: 0, size: PAGE, order: 9 },
      { op: 'poison', gmem: 0, offset: 0 },
      { op: 'pressure', order: 9, free: 0 },
      { op: 'set', key: 'rmp-busy', value: 1 },
      { op: 'pin', gmem: 0, offset: 0, size: PAGE, kind: 'speculative' },
      { op: 'touch', gpa: -PAGE },
      { op: 'touch', gpa: 2 ** 52 },
      { op: 'fallocate', gmem: 0, offset: 0, size: PAGE },
    );
    assert.deepEqual(answers[0], { ok: true });
    for (const answer of answers.slice(1, -1)) assert.deepEqual(answer, { ok: false, errno: 'EOPNOTSUPP' });
    assert.deepEqual(answers.at(-1), { ok: true });
    const errors = new Float64Array(256);
    kernel.errors(errors);
    assert.equal(errors[ERRNOS.EOPNOTSUPP], answers.length - 2);
  });
});

test('counters are not known and say so', { skip: SKIP }, () => {
  withKernel((kernel) => {
    ask(kernel, shared, bound, { op: 'fallocate', gmem: 0, offset: 0, size: 8 * PAGE });
    const counters = new Float64Array(COUNTER_NAMES.length).fill(1);
    kernel.counters(counters);
    assert.ok(counters.every((value) => value === 0));
    const host = kernel.host();
    assert.equal(host.counters_known, 0);
    assert.equal(host.gmem_files_open, 1);
    assert.equal(host.slots_bound, 1);
    assert.ok((host.resident_bytes_bound as number) >= 8 * PAGE);
  });
});

test('page views show cleared pages and bindings as the kernel has them', { skip: SKIP }, () => {
  withKernel((kernel) => {
    ask(
      kernel,
      shared,
      { ...bound, size: 2 * PAGE },
      { op: 'host-write', gmem: 0, offset: PAGE, size: 2 * PAGE, byte: 1 },
      { op: 'punch', gmem: 0, offset: 2 * PAGE, size: PAGE },
      { op: 'fallocate', gmem: 0, offset: 5 * PAGE, size: PAGE },
    );
    const words = new Uint32Array(10 * PAGE_VIEW_WORDS);
    assert.equal(kernel.pageView(0, 0, 10, words), true);
    const has = (bit: keyof typeof PAGE_BIT) =>
      Array.from({ length: 10 }, (_, i) => i).filter(
        (i) => ((words[i * PAGE_VIEW_WORDS + PAGE_VIEW.bits] as number) & PAGE_BIT[bit]) !== 0,
      );
    // A page that was only allocated is not shown: mincore asks for an up-to-date one.
    assert.deepEqual(has('present'), [1]);
    assert.deepEqual(has('prepared'), [1]);
    assert.deepEqual(has('bound'), [0, 1]);
    assert.equal(kernel.pageView(1, 0, 1, words), false);
    assert.equal(kernel.fileSize(0), 8 * PAGE);
    assert.equal(kernel.fileSize(1), -1);
  });
});

test('more than the resident limit is ENOMEM before the machine is', { skip: SKIP }, () => {
  withKernel((kernel) => {
    const answers = ask(
      kernel,
      { op: 'create', gmem: 0, size: 2 ** 40, flags: 3 },
      { op: 'fallocate', gmem: 0, offset: 0, size: 2 ** 40 },
      { op: 'host-write', gmem: 0, offset: 0, size: 2 ** 40, byte: 1 },
      { op: 'bind', slot: 0, gpa: GPA, size: 2 ** 40, gmem: 0 },
      { op: 'fallocate', gmem: 0, offset: 0, size: 16 * PAGE },
      { op: 'punch', gmem: 0, offset: 0, size: 2 ** 40 },
      { op: 'fallocate', gmem: 0, offset: 2 ** 39, size: 16 * PAGE },
    );
    assert.deepEqual(answers[1], { ok: false, errno: 'ENOMEM', done: 0 });
    assert.deepEqual(answers[2], { ok: false, errno: 'ENOMEM', done: 0 });
    assert.deepEqual(answers[3], { ok: false, errno: 'ENOMEM' });
    assert.deepEqual(answers.slice(4), Array(3).fill({ ok: true }));
    assert.equal(kernel.host().refused_by_resident_limit, 3);
  }, 16 * PAGE);
});

test('a pinned page outlives punch and close, and its bytes do not come back', { skip: SKIP_PINS }, () => {
  withKernel((kernel) => {
    const answers = ask(
      kernel,
      shared,
      { op: 'host-write', gmem: 0, offset: 0, size: 2 * PAGE, byte: 7 },
      { op: 'pin', gmem: 0, offset: 0, size: 2 * PAGE },
      { op: 'pin', gmem: 0, offset: 7 * PAGE, size: 2 * PAGE },
      { op: 'punch', gmem: 0, offset: 0, size: PAGE },
      { op: 'host-read', gmem: 0, offset: 0, size: PAGE },
      { op: 'close', gmem: 0 },
      { op: 'unpin', gmem: 0, offset: 0, size: 3 * PAGE },
      { op: 'unpin', gmem: 0, offset: 7 * PAGE, size: PAGE },
      { op: 'unpin', gmem: 0, offset: 7 * PAGE, size: PAGE },
    );
    assert.deepEqual(answers.slice(2), [
      { ok: true },
      { ok: false, errno: 'EFAULT', done: 1 },
      { ok: true },
      { ok: true, byte: 0 },
      { ok: true },
      { ok: false, errno: 'EINVAL', done: 2 },
      { ok: true },
      { ok: false, errno: 'EBADF' },
    ]);
  });
});
