/** The first line of a report says what guests there are at one time, not the sum of all that ever were. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../lib/compare/compare.js';
import type { ResultsDocument } from '../../lib/compare/results.js';
import { OpBuilder, type OpInput } from '../../lib/ops/builder.js';
import { htmlReport } from '../../lib/report/html/report.js';
import { tableReport } from '../../lib/report/table.js';
import { inputOf } from '../compare/streams.js';
import { bundled } from '../workload/support.js';

const MIB = 2 ** 20;

function run(ops: readonly OpInput[]): Promise<ResultsDocument> {
  const builder = new OpBuilder();
  for (const op of ops) builder.push(op);
  return compare(inputOf(builder.stream), { engine: 'reference', policies: ['rfc-thp'] });
}

const said = (document: ResultsDocument): string => /ops, (.*), arch/.exec(tableReport(document))?.[1] ?? '';

const create = (vm: number, gmem: number, mib: number): OpInput => ({ op: 'create', vm, gmem, size: mib * MIB });
const end = (vm: number, gmem: number): OpInput[] => [
  { op: 'close', gmem },
  { op: 'destroy', vm },
];

test('one guest: its memory, and no key more than there was', async () => {
  const document = await run([create(0, 0, 4)]);
  assert.equal(said(document), 'guest 4 MiB');
  assert.deepEqual(Object.keys(document.input), ['path', 'format', 'ops', 'guest_bytes', 'fitted']);
  // Two files of one guest.
  assert.equal(said(await run([create(0, 0, 4), create(0, 1, 2)])), 'guest 6 MiB');
  assert.equal(
    said(await run([create(0, 0, 4), { op: 'close', gmem: 0 }, create(0, 1, 2)])),
    'guest at most 4 MiB at one time',
  );
});

test('several guests: how many, and the most at one time', async () => {
  assert.equal(said(await run([create(0, 0, 4), create(1, 1, 2)])), '2 guests, 6 MiB together');
  const churn = await run([create(0, 0, 4), ...end(0, 0), create(2, 0, 2), create(1, 1, 1), ...end(1, 1)]);
  assert.equal(said(churn), '3 guests, at most 4 MiB at one time');
  assert.deepEqual([churn.input.guest_bytes, churn.input.guest_bytes_peak, churn.input.guests], [7 * MIB, 4 * MIB, 3]);
  assert.match(htmlReport(churn), /<dt>Guest memory<\/dt><dd class="">3 guests, at most 4 MiB at one time<\/dd>/);
});

test('vm-churn: eight guests, two at a time', async () => {
  const input = inputOf(bundled('vm-churn.yaml').ops);
  // Over before it starts: only what is known beforehand is asked for.
  const document = await compare(input, { engine: 'reference', policies: ['rfc-thp'], signal: AbortSignal.abort() });
  assert.equal(said(document), '8 guests, at most 6 GiB at one time');
  assert.equal(document.input.guest_bytes, 24 * 2 ** 30);
});

test('a document of an earlier version says what it has', async () => {
  const document = await run([create(0, 0, 4), create(1, 1, 2)]);
  const { guests: _, ...input } = document.input;
  assert.equal(said({ ...document, input }), 'guest 6 MiB');
});
