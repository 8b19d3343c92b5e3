/** `gmem run --sweep`: one key of a scenario at several values, a row a policy and value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isRun, type ResultsDocument, rowName } from '../../lib/compare/results.js';
import { renderReport } from '../../lib/report/render.js';
import { gmem } from './gmem.js';

const POOL = fileURLToPath(new URL('../../../scenarios/shared-pool.yaml', import.meta.url));
const KEY = 'phases[3].share';

function run(...args: string[]): ResultsDocument {
  const { code, stdout, stderr } = gmem(['run', POOL, '--format', 'json', '--quiet', ...args]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as ResultsDocument;
}

test('a row a policy and value, each what the value alone gives', () => {
  const policies = ['--policies', 'hugetlb-2m,linear-1g'];
  const swept = run('--sweep', `${KEY}=2%,4%`, ...policies);
  assert.deepEqual(swept.sweep, { key: KEY, values: ['2%', '4%'] });
  assert.deepEqual(
    swept.results.map((row) => [row.policy, row.setting]),
    [
      ['hugetlb-2m', `${KEY}=2%`],
      ['hugetlb-2m', `${KEY}=4%`],
      ['linear-1g', `${KEY}=2%`],
      ['linear-1g', `${KEY}=4%`],
    ],
  );
  for (const value of ['2%', '4%']) {
    const alone = run('--set', `${KEY}=${value}`, ...policies);
    for (const result of alone.results.filter(isRun)) {
      const row = swept.results.find((other) => rowName(other) === `${result.policy} ${KEY}=${value}`);
      assert.ok(row !== undefined && isRun(row));
      assert.deepEqual(row.counters, result.counters);
      assert.equal(row.ops, result.ops);
    }
  }
  const splits = swept.results.filter(isRun).map(({ counters }) => counters.splits_2m);
  assert.ok((splits[0] as number) < (splits[1] as number), 'more shared memory, more folios of 2M split');
  assert.deepEqual(splits.slice(2), [0, 0]);
});

test('every report names the rows by policy and value', () => {
  const swept = run('--sweep', `${KEY}=2%,4%`, '--policies', 'hugetlb-2m');
  for (const format of ['table', 'csv', 'html'] as const) {
    const text = renderReport(format, swept);
    for (const value of ['2%', '4%']) assert.ok(text.includes(`${KEY}=${value}`), `${format}, ${value}`);
  }
  const [heading, row] = renderReport('csv', swept).split('\r\n') as [string, string];
  assert.deepEqual(heading.split(',').slice(0, 3), ['policy', 'setting', 'engine']);
  assert.deepEqual(row.split(',').slice(0, 3), ['hugetlb-2m', `${KEY}=2%`, 'native']);
  assert.equal(row.split(',').length, heading.split(',').length);
});

test('a sweep that is none, an unknown key and a bad value are told with what is accepted', () => {
  for (const [text, message] of [
    [KEY, /--sweep: .* Accepted: key=v1,v2/],
    [`${KEY}=,`, /--sweep: .* Accepted: key=v1,v2/],
    ['phases[3].shar=1%', /unknown key, did you mean "share"/],
    [`${KEY}=4%,much`, /^--sweep phases\[3\]\.share: got "much", accepted: /m],
  ] as const) {
    const { code, stdout, stderr } = gmem(['run', POOL, '--quiet', '--sweep', text]);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});
