import assert from 'node:assert/strict';
import test from 'node:test';
import { FLAG, OP_KIND, OP_NAMES, OpRecords, OUTCOME_VALUES, type RecordFields } from '../../lib/index.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { presetPolicies } from '../support/policies.js';
import { randomStream } from '../support/random-stream.js';
import { ENGINES, start, startBound } from './engines.js';

const TOUCH = OP_KIND.touch;
const BLOCK_PAGES = 512;
const HUGE = BLOCK_PAGES * PAGE_BYTES;

for (const kind of ENGINES) {
  test(`${kind}: steps answer what the same records answer in a run`, async () => {
    const policy = presetPolicies().find(({ policy: name, arch }) => name === 'rfc-thp' && arch === 'snp');
    assert.ok(policy !== undefined);
    const plan = randomStream(11, 'mixed', policy, 2000);
    const options = {
      policy: 'rfc-thp',
      memory: plan.memoryBytes,
      contents: plan.contents,
      seed: plan.seed,
      arch: 'snp',
    };
    const batch = start(kind, options as never);
    const single = start(kind, options as never);
    const records = new OpRecords();
    for (const op of plan.ops) records.appendFields(op);
    const { outcomes } = await batch.run(records, { outcomes: true });
    assert.ok(outcomes !== undefined);
    const stepper = single.stepper();
    let refused = 0;
    for (const [i, op] of plan.ops.entries()) {
      const { vcpu, vm, gmem, arg, address, size, extra } = op;
      const errno = stepper.step(op.kind, op.flags, vcpu, vm, gmem, arg, address, size, extra);
      assert.equal(errno, outcomes.errno(i));
      assert.deepEqual(stepper.outcome(), outcomes.decode(i, records.opName(i)));
      for (let v = 0; v < 4; v += 1) {
        assert.equal(stepper.value(v), (outcomes.has(i) >> v) & 1 ? outcomes.value(i, v) : undefined);
      }
      if (errno !== 0) refused += 1;
    }
    assert.ok(refused > 0 && refused < plan.ops.length);
    assert.deepEqual(single.counters(), batch.counters());
    assert.deepEqual(single.verify(), []);
    batch.close();
    single.close();
  });

  test(`${kind}: no field a record cannot hold reaches the engine`, () => {
    const { host } = startBound(kind);
    const stepper = host.stepper();
    assert.throws(() => stepper.outcome(), { code: 'ERR_GMEM_ARGUMENT', message: 'outcome: no op was stepped yet' });
    const good = { kind: TOUCH, flags: 0, vcpu: 0, vm: 0, gmem: 0, arg: 0, address: 0, size: 4096, extra: 0 };
    const step = (change: Partial<RecordFields>) => {
      const { kind: op, flags, vcpu, vm, gmem, arg, address, size, extra } = { ...good, ...change };
      return stepper.step(op, flags, vcpu, vm, gmem, arg, address, size, extra);
    };
    assert.equal(step({}), 0);
    const before = host.counters();
    const cases: [Partial<RecordFields>, RegExp][] = [
      // 256 more is the same byte: what is checked is what the caller gave.
      [{ kind: TOUCH + 256 }, /^kind: got \d+, accepted: 0 to/],
      [{ kind: 'length' as never }, /^kind: got "length"/],
      [{ flags: FLAG.private }, /^flags: got 2, accepted for touch: bits of 1/],
      [{ flags: 256 }, /^flags: got 256/],
      [{ vcpu: 65536 }, /^vcpu: got 65536, accepted for touch: 0 to 65535/],
      [{ vm: 1023 }, /^vm: got 1023/],
      [{ vm: -1 }, /^vm: got -1/],
      [{ gmem: 1 }, /^gmem: got 1, accepted for touch: 0$/],
      [{ arg: 1 }, /^arg: got 1/],
      [{ address: 0.5 }, /^address: got 0.5/],
      [{ size: Number.NaN }, /^size: got NaN/],
      [{ extra: 1 }, /^extra: got 1/],
    ];
    for (const [change, message] of cases) {
      assert.throws(() => step(change), { code: 'ERR_GMEM_ARGUMENT', message });
    }
    assert.deepEqual(host.counters(), before);
    host.close();
    assert.throws(() => step({}), { code: 'ERR_GMEM_CLOSED' });
    assert.throws(() => host.stepper(), { code: 'ERR_GMEM_CLOSED' });
  });

  test(`${kind}: apply and steps share the engine, and a run keeps both out`, async () => {
    const { host, vm } = startBound(kind);
    const stepper = host.stepper();
    assert.equal(host.stepper(), stepper);
    assert.equal(stepper.step(OP_KIND.fault, FLAG.private, 0, 0, 0, 0, 0, 0, 0), 0);
    const pfn = stepper.value(OUTCOME_VALUES.fault.indexOf('pfn'));
    assert.deepEqual(stepper.outcome(), vm.fault({ gpa: 0, access: 'private' }));
    assert.equal(pfn, host.pages(0, 0, 1).pfn(0));
    const run = host.run([{ op: 'touch', gpa: 0 }]);
    assert.throws(() => stepper.step(TOUCH, 0, 0, 0, 0, 0, 0, 4096, 0), { code: 'ERR_GMEM_BUSY' });
    await run;
    host.close();
  });

  test(`${kind}: what is between two steps of the same op changes neither the step nor its outcome`, () => {
    const { host, vm } = startBound(kind);
    const stepper = host.stepper();
    const fault = (block: number) => stepper.step(OP_KIND.fault, FLAG.private, 0, 0, 0, 0, block * HUGE, 0, 0);
    assert.equal(fault(0), 0);
    const first = stepper.outcome();
    // Other fields of the same record, another kind, and what is refused.
    assert.equal(vm.touch({ gpa: 3 * HUGE, size: 2 * PAGE_BYTES }).ok, true);
    assert.equal(host.apply({ op: 'fault', gpa: 0, access: 'shared' }).ok, false);
    assert.throws(() => fault(0.1), { code: 'ERR_GMEM_ARGUMENT' });
    assert.throws(() => stepper.step(OP_KIND.fault, 0xff, 0, 0, 0, 0, 0, 0, 0), { code: 'ERR_GMEM_ARGUMENT' });
    assert.deepEqual(stepper.outcome(), first);
    assert.equal(fault(1), 0);
    const pages = host.pages(0);
    const present = [0, 1, 2, 3].map((block) => pages.has(block * BLOCK_PAGES, 'present'));
    assert.deepEqual(present, [true, true, false, true]);
    assert.equal(stepper.value(0), pages.pfn(BLOCK_PAGES));
    host.close();
  });

  test(`${kind}: an op whose getter runs another op is still itself`, () => {
    const { host } = startBound(kind);
    const op = {
      op: 'punch',
      offset: 0,
      get size() {
        assert.equal(host.apply({ op: 'fault', gpa: 0, access: 'private' }).ok, true);
        return 4096;
      },
    } as const;
    const outcome = host.apply(op);
    assert.deepEqual(Object.keys(outcome).slice(0, 2), ['ok', 'freed']);
    assert.equal(host.apply({ op: 'touch', gpa: 0 }).ok, true);
    assert.deepEqual(host.verify(), []);
    host.close();
  });
}

test('every op name has the kind its position says', () => {
  assert.deepEqual(
    OP_NAMES.map((name) => OP_KIND[name]),
    OP_NAMES.map((_, i) => i),
  );
});
