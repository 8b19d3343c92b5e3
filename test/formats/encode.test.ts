import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GmemError } from '../../lib/engine/error.js';
import { OpBuilder, type OpInput } from '../../lib/ops/builder.js';
import { appendOp, decodeOp, encodeOp, type OpProblem } from '../../lib/ops/encode.js';
import { OpStream } from '../../lib/ops/stream.js';
import { nearest } from '../../lib/ops/suggest.js';
import { CREATE_FLAG, FLAG, OP_KIND, OP_NAMES } from '../../lib/spec/ops.js';
import { arbitraryOp } from '../support/arbitrary-ops.js';

function encoded(op: object) {
  const problems: OpProblem[] = [];
  const fields = encodeOp(op, problems);
  assert.deepEqual(problems, []);
  assert.ok(fields);
  return fields;
}

function problems(op: object): OpProblem[] {
  const found: OpProblem[] = [];
  assert.equal(encodeOp(op, found), undefined);
  assert.ok(found.length > 0);
  return found;
}

test('keys land in the fields the table names', () => {
  assert.deepEqual(encoded({ op: 'bind', vm: 3, slot: 7, gpa: '0x1000', size: -1, gmem: 2, offset: 5 }), {
    kind: OP_KIND.bind,
    flags: 0,
    vcpu: 0,
    vm: 3,
    gmem: 2,
    arg: 7,
    address: 4096,
    size: -1,
    extra: 5,
  });
  const fault = encoded({ op: 'fault', gpa: 0, access: 'private', write: true, map: false });
  assert.equal(fault.flags, FLAG.private | FLAG.write | FLAG.noMap);
  assert.equal(encoded({ op: 'fault', gpa: 0, access: 'shared' }).flags, 0);
  assert.equal(encoded({ op: 'create', size: 1, flags: ['init-shared'] }).extra, CREATE_FLAG['init-shared']);
  assert.equal(encoded({ op: 'create', size: 1, flags: '0x10' }).extra, 16);
  assert.equal(encoded({ op: 'touch', gpa: 1 }).size, 4096);
  assert.equal(encoded({ op: 'set', key: 'hugepages', value: '1G' }).extra, 2);
});

test('a switch takes its own values, and what is accepted is said of the one that was named', () => {
  const busy = encoded({ op: 'set', key: 'rmp-busy', value: 1024, after: '0x10' });
  assert.deepEqual([busy.arg, busy.extra, busy.size], [1, 1024, 16]);
  assert.equal(encoded({ op: 'set', key: 'rmp-busy', value: '0x3' }).extra, 3);
  for (const value of [1025, -1, 0.5, '3', 'off', null, true, [], 2 ** 53, Number.NaN]) {
    const [problem] = problems({ op: 'set', key: 'rmp-busy', value });
    assert.equal(problem?.key, 'value', String(value));
    assert.match(problem?.message ?? '', /^got .*, accepted: an integer from 0 to 1024$/s);
    assert.equal(problems({ op: 'set', key: 'rmp-busy', value: 1, after: value })[0]?.key, 'after', String(value));
  }
  for (const value of [0, 2, '4K']) {
    const [problem] = problems({ op: 'set', key: 'hugepages', value });
    assert.match(problem?.message ?? '', /^got .*, accepted: "off", "2M", "1G"$/);
  }
  assert.match(
    problems({ op: 'set', key: 'rmp-bus', value: 1 })[0]?.message ?? '',
    /accepted: "hugepages", "rmp-busy"/,
  );
  const stream = new OpStream();
  appendOp(stream, { op: 'set', key: 'rmp-busy', value: 7 }, []);
  assert.deepEqual(decodeOp(stream, 0), { op: 'set', key: 'rmp-busy', value: 7 });
});

test('minus zero becomes zero', () => {
  assert.ok(Object.is(encoded({ op: 'fallocate', offset: -0, size: 1 }).address, 0));
});

test('every problem of an op is told, with what is accepted', () => {
  const found = problems({ op: 'fault', gpaa: 1, access: 'privat', write: 1, vcpu: -1, t: Number.NaN });
  assert.deepEqual(
    found.map(({ key, at }) => [key, at]),
    [
      ['vcpu', 'value'],
      ['access', 'value'],
      ['write', 'value'],
      ['gpaa', 'key'],
      ['t', 'value'],
    ],
  );
  assert.match(found[3]?.message ?? '', /did you mean "gpa"\?, accepted: vm, vcpu, gpa,/);
  assert.match(found[1]?.message ?? '', /got "privat", accepted: "shared", "private"/);
});

test('numbers: safe integers only, negative ones only for quantities', () => {
  for (const bad of [
    2 ** 53,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '4096',
    '0x',
    '-0x1',
    '0x20000000000000',
    null,
    [],
    true,
  ]) {
    assert.equal(problems({ op: 'touch', gpa: bad })[0]?.key, 'gpa', String(bad));
  }
  for (const bad of [-1, 1023, 0.5, '1']) assert.equal(problems({ op: 'touch', gpa: 0, vm: bad })[0]?.key, 'vm');
  assert.equal(encoded({ op: 'touch', gpa: -4097 }).address, -4097);
  assert.equal(encoded({ op: 'guest-write', gpa: 0, size: 1, byte: '0xaa' }).arg, 0xaa);
});

test('names of the object prototype are no ops, keys, flags or values', () => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    assert.equal(problems({ op: name })[0]?.key, 'op');
    assert.ok(problems(JSON.parse(`{"op":"touch","gpa":0,"${name}":1}`)).some(({ key }) => key === name));
    assert.equal(problems({ op: 'create', size: 1, flags: [name] })[0]?.key, 'flags');
  }
});

test('decode gives what encode takes, defaults explicit', () => {
  const stream = new OpStream();
  appendOp(stream, { op: 'fault', gpa: 8192, access: 'shared' }, []);
  assert.deepEqual(decodeOp(stream, 0), {
    op: 'fault',
    vm: 0,
    vcpu: 0,
    gpa: 8192,
    access: 'shared',
    write: false,
    map: true,
  });
  appendOp(stream, { op: 'populate', gpa: 0, size: 4096, source: 'absent', note: 'n', t: 1.5 }, []);
  assert.deepEqual(decodeOp(stream, 1), {
    op: 'populate',
    vm: 0,
    gpa: 0,
    size: 4096,
    fill: 0,
    source: 'absent',
    t: 1.5,
    note: 'n',
  });
  assert.equal(stream.notes.get(1)?.source, undefined);
});

test('property: decode then encode is the same record and the same annotations', () => {
  const seen = new Set<unknown>();
  fc.assert(
    fc.property(arbitraryOp, (op) => {
      const stream = new OpStream();
      const found: OpProblem[] = [];
      assert.ok(appendOp(stream, op, found), JSON.stringify(found));
      seen.add(op.op);
      assert.ok(appendOp(stream, decodeOp(stream, 0), found), JSON.stringify(found));
      assert.deepEqual(stream.records.read(1), stream.records.read(0));
      assert.deepEqual(stream.notes.get(1), stream.notes.get(0));
      assert.deepEqual(stream.time(1), stream.time(0));
      assert.deepEqual(decodeOp(stream, 1), decodeOp(stream, 0));
    }),
    { numRuns: 3000 },
  );
  assert.equal(seen.size, OP_NAMES.length);
});

test('the builder takes typed ops and refuses the rest', () => {
  const ops = new OpBuilder()
    .push({ op: 'create', size: 2 ** 21, flags: ['mmap'] })
    .push({ op: 'touch', gpa: '0x1000', write: true, t: 5, note: undefined });
  assert.equal(ops.length, 2);
  assert.throws(
    () => ops.push({ op: 'touch', gpa: 1.5 }),
    (error) => error instanceof GmemError && error.code === 'ERR_GMEM_ARGUMENT' && /^gpa: got 1\.5/.test(error.message),
  );
  for (const rubbish of [null, 1, 'touch', [], {}, { op: 'tuch' }]) {
    assert.throws(() => ops.push(rubbish as OpInput), { code: 'ERR_GMEM_ARGUMENT' });
  }
  assert.equal(ops.length, 2);
});

test('suggestions are near or not made', () => {
  assert.equal(nearest('tuch', OP_NAMES), 'touch');
  assert.equal(nearest('ocnvert', OP_NAMES), 'convert');
  assert.equal(nearest('xyzzy', OP_NAMES), undefined);
  assert.equal(nearest('a'.repeat(1e6), OP_NAMES), undefined);
});
