/**
 * Ops that a signal ends in their middle: each is given so much to do that it is under way when the loop turns next. How
 * long that takes is not looked at; that a part of the work was left undone, is.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createEngine, type Engine, type EngineOptions, expectOk, OpBuilder, type OpInput } from '../../lib/index.js';
import { GiB, MiB } from '../support/run.js';

const PAGE = 4096;
const TiB = 2 ** 40;
/** Of a guest whose pages are there. */
const GUEST = 8 * GiB;

interface Case {
  readonly name: string;
  readonly options: EngineOptions;
  /** Makes what the op works on. */
  readonly setup: (host: Engine) => void;
  readonly op: OpInput;
  /** Whether something of the work is left to do. */
  readonly left: (host: Engine) => boolean;
}

function every(step: number, size: number, op: (at: number) => OpInput): OpInput[] {
  return Array.from({ length: size / step }, (_, i) => op(i * step));
}

function guest(host: Engine, size: number): void {
  expectOk(host.apply({ op: 'create', size }));
  expectOk(host.apply({ op: 'bind', slot: 0, size }));
}

/** A guest of 1 TiB without a page, of whose 2M blocks each has pages of both kinds. */
function mixed(host: Engine): void {
  guest(host, TiB);
  host.apply(every(2 * MiB, TiB, (gpa) => ({ op: 'attributes', gpa: gpa + 5 * PAGE, size: PAGE, to: 'shared' })));
}

/** A file whose pages are pinned one by one. */
function pinned(host: Engine, kind: 'gup' | 'speculative'): void {
  const size = 8 * GiB;
  const gmem = host.vm().createGmem({ size, flags: ['mmap', 'init-shared'] });
  expectOk(gmem.fallocate({ offset: 0, size }));
  expectOk(gmem.pin({ offset: 0, size, kind }));
}

const SNP = { arch: 'snp', contents: false } as const;
const pages = (host: Engine, state: Parameters<Engine['count']>[1]): number => host.count(0, state);

const CASES: readonly Case[] = [
  {
    name: 'attributes',
    options: { policy: 'rfc-thp', memory: 64 * GiB, ...SNP },
    setup: mixed,
    op: { op: 'attributes', gpa: 0, size: TiB, to: 'shared' },
    left: (host) => pages(host, 'private') > 0,
  },
  {
    name: 'bind that deletes',
    options: { policy: 'rfc-thp', memory: 64 * GiB, ...SNP },
    setup: mixed,
    op: { op: 'bind', slot: 0, size: 0 },
    left: (host) => pages(host, 'bound') > 0 && host.apply({ op: 'bind', slot: 0, size: 0 }).ok,
  },
  {
    name: 'bind',
    options: { policy: 'rfc-thp', memory: 64 * GiB, ...SNP },
    setup: (host) => {
      mixed(host);
      expectOk(host.apply({ op: 'bind', slot: 0, size: 0 }));
    },
    op: { op: 'bind', slot: 0, size: TiB },
    left: (host) => pages(host, 'unbound') > 0,
  },
  {
    name: 'destroy',
    options: { policy: 'rfc-thp', memory: 64 * GiB, ...SNP },
    setup: (host) => {
      mixed(host);
      expectOk(host.apply({ op: 'close', gmem: 0 }));
    },
    op: { op: 'destroy' },
    left: (host) => host.apply({ op: 'destroy' }).ok,
  },
  {
    name: 'split',
    options: { policy: 'hugetlb-2m', memory: 16 * GiB, contents: false },
    setup: (host) => {
      const size = GUEST;
      guest(host, size);
      host.apply({ op: 'convert', gpa: 0, size, to: 'private' });
      host.apply(every(2 * MiB, size, (gpa) => ({ op: 'touch', gpa })));
      // While anything is pinned, every page of a folio is looked at.
      const other = host.vm().createGmem({ size: 2 * MiB, flags: ['mmap', 'init-shared'] });
      expectOk(other.pin({ offset: 0, size: PAGE }));
    },
    op: { op: 'split', offset: 0, size: GUEST },
    left: (host) => pages(host, 'folio2m') > 0,
  },
  {
    name: 'merge',
    options: { policy: { name: 'rebuild', base: 'thp-keep', knobs: { promote: 'rebuild' } }, memory: 10 * GiB, ...SNP },
    setup: (host) => {
      const size = GUEST;
      guest(host, size);
      host.apply(every(2 * MiB, size, (gpa) => ({ op: 'touch', gpa })));
      expectOk(host.apply({ op: 'split', offset: 0, size }));
      // Each RMP entry is of 4K, and is made again when its folio is merged.
      host.apply(every(2 * MiB, size, (gpa) => ({ op: 'validate', gpa, size: PAGE })));
    },
    op: { op: 'merge', offset: 0, size: GUEST, order: 9 },
    left: (host) => pages(host, 'folio4k') > 0,
  },
  {
    name: 'pressure',
    options: { policy: 'rfc-thp', memory: 256 * GiB, contents: false },
    setup: (host) => guest(host, GiB),
    op: { op: 'pressure', order: 0, free: 0 },
    left: (host) => host.apply({ op: 'fallocate', offset: 0, size: GiB }).ok,
  },
  ...(['gup', 'speculative'] as const).map(
    (kind): Case => ({
      name: `unpin, ${kind}`,
      options: { policy: 'inplace-v6', memory: 16 * GiB, contents: false },
      setup: (host) => pinned(host, kind),
      op: { op: 'unpin', offset: 0, size: 8 * GiB, kind },
      left: (host) => pages(host, 'pinned') > 0,
    }),
  ),
  ...(['shared', 'private'] as const).map(
    (to): Case => ({
      name: `convert to ${to}, natural order`,
      options: { policy: 'structless', arch: 'snp', memory: 16 * GiB },
      setup: (host) => {
        const size = GUEST;
        guest(host, size);
        host.apply(every(GiB, size, (gpa) => ({ op: 'touch', gpa })));
        if (to === 'private') expectOk(host.apply({ op: 'convert', gpa: 0, size, to: 'shared' }));
      },
      op: { op: 'convert', gpa: 0, size: GUEST, to },
      // What has turned, or has not yet, is one recorded range from some page on.
      left: (host) => {
        const shared = pages(host, 'shared') * PAGE;
        const gpa = to === 'shared' ? 0 : GUEST - shared;
        const back = shared === 0 || host.apply({ op: 'convert', gpa, size: shared, to: 'private' }).ok;
        return back && (to === 'shared' ? shared < GUEST : shared > 0);
      },
    }),
  ),
];

for (const { name, options, setup, op, left } of CASES) {
  test(`${name}: ends in the middle when the signal fires, and the engine holds`, async () => {
    let ended = false;
    // On a busy machine the op may be over before this thread comes to fire the signal.
    for (let attempt = 0; attempt < 10 && !ended; attempt += 1) {
      const host = createEngine(options);
      setup(host);
      const controller = new AbortController();
      const run = host.run([op], { signal: controller.signal });
      setTimeout(() => controller.abort(new Error('enough')), 2);
      await run.then(
        () => {},
        (error: { code?: string; message: string; cause?: Error }) => {
          assert.equal(error.code, 'ERR_GMEM_ABORTED');
          assert.match(error.message, /after 0 of 1 ops/);
          assert.equal(error.cause?.message, 'enough');
          ended = true;
        },
      );
      assert.deepEqual(host.verify(), []);
      if (ended) {
        assert.ok(left(host), 'all of it was done');
        assert.deepEqual(host.verify(), []);
        const gmem = host.vm(1).createGmem({ size: GiB });
        expectOk(gmem.fallocate({ offset: 0, size: PAGE }));
        expectOk(gmem.close());
      }
      host.close();
    }
    assert.ok(ended, 'the op was over before the signal in every attempt');
  });
}

test('merges that are due after an op end when the signal fires, and come after the next', async () => {
  const size = 512 * GiB;
  const policy = { name: 'later', base: 'hugetlb-2m', knobs: { merge: 'deferred' } } as const;
  const host = createEngine({ policy, memory: 600 * GiB, ...SNP });
  guest(host, size);
  host.apply(every(2 * MiB, size, (gpa) => ({ op: 'touch', gpa })));
  host.apply(every(2 * MiB, size, (gpa) => ({ op: 'convert', gpa, size: PAGE, to: 'shared' })));
  host.apply({ op: 'convert', gpa: 0, size, to: 'private' });
  host.apply(Array.from({ length: 1022 }, () => ({ op: 'touch', gpa: 0 }) as const));
  assert.equal(host.counters().merges_2m, 0);
  const { stream } = new OpBuilder().push({ op: 'touch', gpa: 0 }).push({ op: 'touch', gpa: 0 });
  const controller = new AbortController();
  const run = host.run(stream, { signal: controller.signal });
  setTimeout(() => controller.abort(), 2);
  await run.catch((error: { code?: string }) => assert.equal(error.code, 'ERR_GMEM_ABORTED'));
  // However far they came.
  assert.ok(host.counters().merges_2m <= size / (2 * MiB));
  await host.run(stream);
  assert.equal(host.counters().merges_2m, size / (2 * MiB));
  host.close();
});

test('many ops that name little and take long do not hold the loop from a signal', async () => {
  const size = 16 * GiB;
  const host = createEngine({ policy: 'hugetlb-1g', memory: 32 * GiB, contents: false });
  guest(host, size);
  host.apply({ op: 'convert', gpa: 0, size, to: 'private' });
  host.apply(every(GiB, size, (gpa) => ({ op: 'touch', gpa })));
  const builder = new OpBuilder();
  // Batches grow while ops are short; then each of them splits or merges a folio of 1G.
  for (let i = 0; i < 2 ** 19; i += 1) builder.push({ op: 'touch', gpa: 0 });
  for (let i = 0; i < 2 ** 17; i += 1) {
    builder.push({ op: 'convert', gpa: (i % 16) * GiB, size: PAGE, to: (i >> 4) % 2 === 0 ? 'shared' : 'private' });
  }
  const controller = new AbortController();
  const run = host.run(builder.stream, {
    signal: controller.signal,
    onProgress: ({ done }) => {
      if (done > 2 ** 19) controller.abort();
    },
  });
  await assert.rejects(run, { code: 'ERR_GMEM_ABORTED' });
  assert.ok(host.counters().converts < 2 ** 17);
  assert.deepEqual(host.verify(), []);
  host.close();
});
