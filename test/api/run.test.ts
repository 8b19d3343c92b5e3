import assert from 'node:assert/strict';
import test from 'node:test';
import { OP_NAMES, OpBuilder, type OpInput, type OpName, OpRecords, type RecordFields } from '../../lib/index.js';
import { ENGINES, start } from './engines.js';

/** A guest that touches every page of `pages`, over and over. */
function stream(pages: number, rounds: number): OpBuilder {
  const builder = new OpBuilder();
  builder.push({ op: 'create', size: pages * 4096 }).push({ op: 'bind', slot: 0, size: pages * 4096 });
  for (let round = 0; round < rounds; round += 1) {
    for (let page = 0; page < pages; page += 1) builder.push({ op: 'touch', gpa: page * 4096 });
  }
  return builder;
}

for (const kind of ENGINES) {
  test(`${kind}: run gives what apply gives, and reports its progress`, async () => {
    const ops: OpInput[] = [
      { op: 'create', size: 2 ** 21 },
      { op: 'bind', slot: 0, size: 2 ** 21 },
      { op: 'fault', gpa: 0, access: 'private' },
      { op: 'punch', offset: 1, size: 4096 },
      { op: 'guest-read', gpa: 0, size: 4096 },
    ];
    const one = start(kind, { arch: 'snp' });
    const other = start(kind, { arch: 'snp' });
    const expected = one.apply(ops);
    const progress: number[] = [];
    const result = await other.run(ops, { outcomes: true, onProgress: ({ done }) => progress.push(done) });
    assert.equal(result.ops, ops.length);
    assert.deepEqual(
      ops.map((op, i) => result.outcomes?.decode(i, op.op)),
      expected,
    );
    assert.deepEqual(progress, [ops.length]);
    assert.deepEqual(other.counters(), one.counters());
    assert.equal((await other.run(new OpRecords())).outcomes, undefined);
    one.close();
    other.close();
  });

  test(`${kind}: a long stream runs in batches, and outcome i belongs to op i`, async () => {
    const host = start(kind, { arch: 'snp' });
    const { stream: ops } = stream(700, 10).push({ op: 'punch', offset: 0, size: 4096 });
    const { outcomes } = await host.run(ops, { outcomes: true });
    assert.equal(outcomes?.decode(ops.length - 1, 'punch').freed, 1);
    assert.equal(outcomes?.decode(ops.length - 2, 'touch').ok, true);
    assert.deepEqual(host.verify(), []);
    host.close();
  });

  test(`${kind}: an abort leaves what ran`, async () => {
    const host = start(kind);
    const abort = new AbortController();
    const { stream: ops } = stream(1000, 20);
    const run = host.run(ops, { signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) });
    await assert.rejects(run, (error: { code?: string; cause?: Error }) => {
      assert.equal(error.code, 'ERR_GMEM_ABORTED');
      assert.equal(error.cause?.message, 'enough');
      return true;
    });
    assert.ok(host.counters().faults_2m >= 1);
    assert.equal(host.apply({ op: 'touch', gpa: 0 }).ok, true);
    await assert.rejects(host.run(ops, { signal: AbortSignal.abort() }), { code: 'ERR_GMEM_ABORTED' });
    host.close();
  });

  test(`${kind}: a signal is heard while the records of a long stream are checked`, async () => {
    const host = start(kind);
    const abort = new AbortController();
    const records = new OpRecords(2 ** 22);
    records.length = 2 ** 22;
    const run = host.run(records, { signal: abort.signal });
    setImmediate(() => abort.abort());
    await assert.rejects(run, { code: 'ERR_GMEM_ABORTED', message: `aborted after 0 of ${2 ** 22} ops` });
    assert.deepEqual(host.counters().errors, {});
    host.close();
  });

  test(`${kind}: no op slips in between, and close ends a run`, async () => {
    const host = start(kind);
    const { stream: ops } = stream(1000, 20);
    const run = host.run(ops);
    assert.throws(() => host.apply({ op: 'touch', gpa: 0 }), { code: 'ERR_GMEM_BUSY' });
    await assert.rejects(host.run(ops), { code: 'ERR_GMEM_BUSY' });
    assert.ok(host.counters().faults_2m >= 1);
    host.close();
    await assert.rejects(run, { code: 'ERR_GMEM_CLOSED' });
  });

  test(`${kind}: records no engine can read are refused before anything runs`, async () => {
    const host = start(kind);
    const blank = { kind: 0, flags: 0, vcpu: 0, vm: 0, gmem: 0, arg: 0, address: 0, size: 0, extra: 0 };
    const bad = (op: OpName | number, change: Partial<RecordFields>) => {
      const records = new OpRecords();
      records.appendFields({ ...blank, kind: OP_NAMES.indexOf('touch'), size: 4096 });
      records.appendFields({ ...blank, kind: typeof op === 'number' ? op : OP_NAMES.indexOf(op), ...change });
      return records;
    };
    const cases: [OpRecords, RegExp][] = [
      [bad(200, {}), /^record 1: kind: got 200/],
      [bad('touch', { vm: 2000 }), /^record 1: vm: got 2000, accepted for touch: 0 to 1022/],
      [bad('touch', { address: 0.5 }), /^record 1: address: got 0.5/],
      [bad('touch', { size: Number.NaN }), /^record 1: size: got NaN/],
      [bad('convert', { arg: 9 }), /^record 1: arg: got 9/],
      [bad('set', { arg: 9 }), /^record 1: arg: got 9/],
      [bad('set', { extra: 9 }), /^record 1: extra: got 9, accepted for set: integers from 0 to 2$/],
      [bad('set', { arg: 1, extra: 1025 }), /^record 1: extra: got 1025, accepted for set: integers from 0 to 1024$/],
      [bad('set', { arg: 1, extra: -1 }), /^record 1: extra: got -1/],
      [bad('set', { arg: 1, size: 1025 }), /^record 1: size: got 1025, accepted for set: integers from 0 to 1024$/],
      [bad('create', { extra: -1 }), /^record 1: extra: got -1/],
    ];
    for (const [records, message] of cases) {
      await assert.rejects(host.run(records), { code: 'ERR_GMEM_ARGUMENT', message });
    }
    assert.deepEqual(host.counters().errors, {});
    host.close();
  });
}
