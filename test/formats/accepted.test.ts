/** What is said to be accepted is what was not given: limits are named where a value is of the right type. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, formatPacked, type GmemError, OpBuilder, parseJsonl, parsePacked } from '../../lib/index.js';
import { problemsOf } from '../support/input-error.js';

const QUANTITY = 'an integer of at most 2^53 - 1 (0x1fffffffffffff) either way, or a "0x…" string of one';

test('a quantity beyond the limit is told the limit', () => {
  const said = (gpa: string): string => problemsOf(() => parseJsonl(`{"op":"touch","gpa":${gpa}}`, 'f'))[0] as string;
  assert.equal(said('"0x20000000000001"'), `f:1:21: gpa: got "0x20000000000001", accepted: ${QUANTITY}`);
  assert.equal(
    said('9007199254740993'),
    `f:1:21: gpa: got an integer beyond 2^53 - 1, about 9.007e+15, accepted: ${QUANTITY}`,
  );
  assert.equal(said('0.5'), `f:1:21: gpa: got 0.5, accepted: ${QUANTITY}`);
});

test('an order says which there are, and the others are ops that are refused', () => {
  const [said] = problemsOf(() => parseJsonl('{"op":"merge","gmem":0,"offset":0,"size":4096,"order":"9"}', 'f'));
  assert.match(
    said as string,
    /order: got "9", accepted: 0 \(4K\), 9 \(2M\), 18 \(1G\); others up to 4294967295 are ops that answer EINVAL$/,
  );
  for (const engine of ['native', 'reference'] as const) {
    const host = createEngine({ policy: 'hugetlb-2m', memory: '16MiB', engine, arch: 'snp' });
    const gmem = host.vm().createGmem({ size: '2MiB' });
    for (const order of [1, 5, 10, 2 ** 32 - 1]) {
      const outcomes = [
        gmem.split({ offset: 0, size: '2MiB', order }),
        gmem.merge({ offset: 0, size: '2MiB', order }),
        host.pressure({ order, free: 0 }),
      ];
      for (const outcome of outcomes) assert.equal(outcome.errno, 'EINVAL', `order ${order}`);
    }
    host.close();
  }
});

test('arguments in code: whole limits, words of the language, a bigint as one', async () => {
  const host = createEngine({ policy: 'rfc-thp', memory: '16MiB', engine: 'reference' });
  host.vm().createGmem({ size: '2MiB' });
  assert.throws(() => host.pages(0, 2 ** 60, 1), { message: /accepted: an integer from 0 to 2199023255551$/ });
  host.close();
  const memory = (1n << 30n) as unknown as number;
  assert.throws(() => createEngine({ policy: 'rfc-thp', memory }), { message: /^memory: 1073741824n is not accepted/ });
  const { compare, OpStream } = await import('../../lib/index.js');
  const input = { stream: new OpStream(), path: 'x', format: 'jsonl', fitted: false };
  const refused = (message: string) => (error: unknown) => (error as GmemError).message === message;
  await assert.rejects(
    compare(input, { policies: 'rfc-thp' as never }),
    refused('policies: "rfc-thp" is not accepted, accepted: a list'),
  );
  await assert.rejects(
    compare(input, { signal: 1 as never }),
    refused('signal: 1 is not accepted, accepted: an AbortSignal'),
  );
});

test('a misspelt key is one problem', () => {
  const said = problemsOf(() => parseJsonl('{"op":"touch","gpx":0}', 'f'));
  assert.equal(said.length, 1);
  assert.match(said[0] as string, /^f:1:15: gpx: unknown key of touch, did you mean "gpa"\?, accepted: vm, vcpu, gpa/);
});

test('a switch of huge pages takes no count: readers and builders let it through, and the op is refused', () => {
  const op = { op: 'set', key: 'hugepages', value: '2M', after: 1 } as const;
  const [built, read] = [new OpBuilder().push(op).stream, parseJsonl(`${JSON.stringify(op)}\n`)];
  assert.deepEqual(parsePacked(formatPacked(read)).records.read(0), built.records.read(0));
  for (const engine of ['native', 'reference'] as const) {
    const host = createEngine({ policy: 'rfc-thp', memory: '16MiB', engine });
    assert.equal(host.apply(op).errno, 'EINVAL');
    host.close();
  }
});
