/**
 * Contents through conversions in place, on every engine and every design that has them: what the kernel's own selftest of
 * such conversions asks (guest_memfd_conversions_test: init_private, init_shared, indexing, before_allocation,
 * unallocated_folios, truncate, and the pin of its forerunner), and what zero, preserve and unspecified leave behind. Each
 * read is checked twice: against the byte the test names, and against the taint model.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { engines } from './support/backends.js';
import type { Engine } from './support/differential.js';
import type { Keys } from './support/ops.js';
import { isGiant, presetPolicies, type TestPolicy } from './support/policies.js';
import { TaintedRun } from './support/taint.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const PAGE = 4096;
/** Where the selftest binds the file. */
const GPA = 4 * GIB;
const SCRAMBLED = 0xa5;

type Kind = 'private' | 'shared';

/** A file with `mmap`, bound whole at 4G, and the few verbs the selftest has. */
class Guest {
  readonly policy: TestPolicy;
  readonly fileBytes: number;
  readonly run: TaintedRun;

  constructor(engine: Engine, policy: TestPolicy, flags: readonly string[] = []) {
    this.policy = policy;
    this.fileBytes = isGiant(policy) ? GIB : 4 * MIB;
    this.run = new TaintedRun(engine, policy, isGiant(policy) ? 2 * GIB : 16 * MIB);
    const bits = 1 + (flags.includes('init-shared') ? 2 : 0);
    assert.ok(this.run.run('create', { size: this.fileBytes, flags: bits }).ok);
    assert.ok(this.run.run('bind', { slot: 0, gpa: GPA, size: this.fileBytes }).ok);
  }

  /** The file made private while it is empty, then `pages` of it shared in one piece: `natural` can take those back. */
  startWith(first: number, pages: number, kind: Kind): void {
    assert.ok(this.convert(0, this.fileBytes / PAGE, 'private', 'preserve').ok);
    assert.ok(this.convert(first, pages, 'shared').ok);
    if (kind === 'private') assert.ok(this.convert(first, pages, 'private').ok);
  }

  /** A mapped page of a TDX guest holds its huge folio together: conversions of a part want it unmapped. */
  unmap(): void {
    if (this.policy.arch !== 'tdx') return;
    assert.ok(this.run.run('bind', { slot: 0, size: 0 }).ok);
    assert.ok(this.run.run('bind', { slot: 0, gpa: GPA, size: this.fileBytes }).ok);
  }

  convert(page: number, pages: number, to: Kind, content?: 'zero' | 'preserve') {
    const keys = { gpa: GPA + page * PAGE, size: pages * PAGE, to };
    return this.run.run('convert', content === undefined ? keys : { ...keys, content });
  }

  hostReads(page: number, byte: number): void {
    assert.deepEqual(this.run.run('host-read', at(page)), { ok: true, byte }, `host reads page ${page}`);
  }

  hostWrites(page: number, byte: number): void {
    assert.ok(this.run.run('host-write', { ...at(page), byte }).ok, `host writes page ${page}`);
  }

  /** SIGBUS on both. */
  hostRefused(page: number): void {
    for (const name of ['host-read', 'host-write'] as const) {
      const { ok, errno } = this.run.run(name, { ...at(page), byte: 1 });
      assert.deepEqual([ok, errno], [false, 'EFAULT'], `${name} of private page ${page}`);
    }
  }

  guestReads(page: number, byte: number): void {
    assert.deepEqual(this.run.run('guest-read', guestAt(page)), { ok: true, byte }, `guest reads page ${page}`);
  }

  guestWrites(page: number, byte: number): void {
    assert.ok(this.run.run('guest-write', { ...guestAt(page), byte }).ok, `guest writes page ${page}`);
  }
}

function at(page: number): Keys {
  return { offset: page * PAGE, size: PAGE };
}

function guestAt(page: number): Keys {
  return { gpa: GPA + page * PAGE, size: PAGE };
}

const inPlace = presetPolicies().filter(({ knobs }) => knobs.conversion === 'in-place');
/** Conversions either way may keep what is there: memory is not encrypted. */
const keeping = inPlace.filter(({ arch }) => arch !== 'snp' && arch !== 'tdx');
const A = 0x41;
const B = 0x42;
const C = 0x43;
const E = 0x45;

for (const engine of new Set(engines)) {
  describe(`conversions in place on ${engine.name}`, () => {
    for (const policy of keeping) {
      const title = `${policy.policy}, arch ${policy.arch}`;

      test(`${title}: init_private`, () => {
        const guest = new Guest(engine, policy);
        guest.startWith(3, 1, 'private');
        guest.hostRefused(3);
        guest.guestReads(3, 0);
        guest.guestWrites(3, A);
        assert.ok(guest.convert(3, 1, 'shared', 'preserve').ok);
        guest.hostReads(3, A);
        guest.hostWrites(3, B);
        guest.guestReads(3, B);
        guest.guestWrites(3, C);
        guest.hostReads(3, C);
        assert.ok(guest.convert(3, 1, 'private', 'preserve').ok);
        guest.hostRefused(3);
        guest.guestReads(3, C);
        guest.guestWrites(3, E);
        guest.guestReads(3, E);
        guest.run.end();
      });

      test(`${title}: init_shared`, () => {
        const guest = new Guest(engine, policy, ['init-shared']);
        guest.hostReads(3, 0);
        guest.hostWrites(3, A);
        guest.guestReads(3, A);
        guest.guestWrites(3, B);
        guest.hostReads(3, B);
        const pages = guest.fileBytes / PAGE;
        assert.ok(guest.convert(0, pages, 'private', 'preserve').ok);
        guest.hostRefused(3);
        guest.guestReads(3, B);
        guest.guestWrites(3, C);
        assert.ok(guest.convert(3, 1, 'shared', 'preserve').ok);
        guest.hostReads(3, C);
        guest.hostWrites(3, E);
        guest.guestReads(3, E);
        guest.run.end();
      });

      test(`${title}: indexing: each of 4 pages turns, the others keep kind and bytes`, () => {
        const guest = new Guest(engine, policy);
        guest.startWith(0, 4, 'private');
        for (const page of [0, 1, 2, 3]) {
          const others = [0, 1, 2, 3].filter((other) => other !== page);
          for (const other of others) guest.guestWrites(other, A + other);
          guest.guestWrites(page, B);
          assert.ok(guest.convert(page, 1, 'shared', 'preserve').ok);
          guest.hostReads(page, B);
          for (const other of others) guest.hostRefused(other);
          guest.hostWrites(page, E);
          assert.ok(guest.convert(page, 1, 'private', 'preserve').ok);
          guest.guestReads(page, E);
          for (const other of others) guest.guestReads(other, A + other);
        }
        guest.run.end();
      });

      test(`${title}: unallocated_folios: what is there keeps its byte, the rest reads 0, page by page and back`, () => {
        const guest = new Guest(engine, policy);
        guest.startWith(0, 8, 'shared');
        for (const page of [2, 4]) guest.hostWrites(page, A);
        assert.ok(guest.convert(0, 8, 'private', 'preserve').ok);
        const byte = (page: number) => (page === 2 || page === 4 ? A : 0);
        for (let page = 0; page < 8; page += 1) guest.hostRefused(page);
        for (let page = 0; page < 8; page += 1) guest.guestReads(page, byte(page));
        for (let page = 0; page < 8; page += 1) {
          assert.ok(guest.convert(page, 1, 'shared', 'preserve').ok);
          guest.hostReads(page, byte(page));
          if (page < 7) guest.hostRefused(page + 1);
        }
        guest.run.end();
      });
    }

    for (const policy of inPlace) {
      const title = `${policy.policy}, arch ${policy.arch}`;
      const keeps = policy.arch === 'pkvm';

      for (const kind of ['shared', 'private'] as const) {
        test(`${title}: before_allocation, to ${kind}: a conversion of nothing is remembered, and reads 0`, () => {
          const guest = new Guest(engine, policy, kind === 'private' ? ['init-shared'] : []);
          if (kind === 'shared') guest.startWith(5, 1, 'shared');
          else assert.ok(guest.convert(0, guest.fileBytes / PAGE, 'private').ok);
          assert.equal(guest.run.pfn(0, 5), 0xffffffff);
          if (kind === 'shared') guest.hostReads(5, 0);
          else guest.hostRefused(5);
          guest.guestReads(5, 0);
          guest.run.end();
        });

        test(`${title}: truncate a ${kind} page: it stays ${kind} and reads 0`, () => {
          const guest = new Guest(engine, policy);
          guest.startWith(7, 1, kind);
          guest.guestWrites(7, A);
          assert.ok(guest.run.run('punch', { offset: 0, size: guest.fileBytes }).ok);
          if (kind === 'private') guest.hostRefused(7);
          else guest.hostReads(7, 0);
          guest.guestReads(7, 0);
          guest.run.end();
        });
      }

      test(`${title}: unspecified content is ${keeps ? 'kept' : 'of no use'} either way, zero is zero`, () => {
        const guest = new Guest(engine, policy);
        guest.startWith(3, 2, 'private');
        for (const page of [3, 4]) guest.guestWrites(page, A);
        guest.unmap();
        assert.ok(guest.convert(3, 2, 'shared').ok);
        guest.hostReads(3, keeps ? A : SCRAMBLED);
        guest.hostWrites(3, B);
        guest.guestReads(3, B);
        assert.ok(guest.convert(3, 2, 'private').ok);
        guest.guestReads(3, keeps ? B : SCRAMBLED);
        guest.guestReads(4, keeps ? A : SCRAMBLED);
        guest.guestWrites(4, C);
        guest.unmap();
        assert.ok(guest.convert(3, 2, 'shared', 'zero').ok);
        for (const page of [3, 4]) guest.hostReads(page, 0);
        assert.equal(guest.convert(3, 2, 'private', 'zero').errno, 'EOPNOTSUPP');
        guest.run.end();
      });

      test(`${title}: a pinned page refuses to turn private by its address, and its neighbours keep their bytes`, () => {
        const guest = new Guest(engine, policy);
        guest.startWith(0, 4, 'shared');
        for (const page of [0, 1, 2, 3]) guest.hostWrites(page, A + page);
        const pin = guest.run.run('pin', { ...at(2), kind: 'gup' });
        if (policy.knobs.pins === 'forbid') {
          assert.equal(pin.errno, 'EPERM');
          guest.run.end();
          return;
        }
        assert.ok(pin.ok);
        const refused = guest.convert(0, 4, 'private', 'preserve');
        assert.deepEqual(
          [refused.errno, refused.gpa, refused.changed],
          ['EAGAIN', GPA + 2 * PAGE, 0],
          JSON.stringify(refused),
        );
        for (const page of [0, 1, 2, 3]) guest.hostReads(page, A + page);
        assert.ok(guest.run.run('unpin', { ...at(2), kind: 'gup' }).ok);
        assert.ok(guest.convert(0, 4, 'private', 'preserve').ok);
        for (const page of [0, 1, 2, 3]) guest.hostRefused(page);
        for (const page of [0, 1, 2, 3]) guest.guestReads(page, A + page);
        guest.run.end();
      });
    }

    for (const policy of inPlace.filter(({ arch }) => arch === 'snp' || arch === 'tdx')) {
      test(`${policy.policy}, arch ${policy.arch}: preserve is for what is launched: to private, before finalize`, () => {
        const guest = new Guest(engine, policy);
        guest.startWith(0, 2, 'shared');
        for (const page of [0, 1]) guest.hostWrites(page, A);
        assert.ok(guest.convert(0, 2, 'private', 'preserve').ok);
        for (const page of [0, 1]) guest.guestReads(page, A);
        assert.equal(guest.convert(0, 2, 'shared', 'preserve').errno, 'EOPNOTSUPP');
        guest.unmap();
        assert.ok(guest.convert(0, 2, 'shared').ok);
        // A TDX guest that has run is finalized by that.
        assert.equal(guest.run.run('finalize').ok, policy.arch === 'snp');
        assert.equal(guest.convert(0, 2, 'private', 'preserve').errno, 'EOPNOTSUPP');
        guest.hostReads(0, SCRAMBLED);
        guest.run.end();
      });
    }
  });
}
