import assert from 'node:assert/strict';
import { test } from 'node:test';
import { file, gmem, SMALL, scratch } from './gmem.js';

test('a threshold that is exceeded: exit code 3, the report as ever, and who exceeded what on stderr', (t) => {
  const input = file(scratch(t), 'small.jsonl', SMALL);
  const asked = ['replay', input, '--policy', 'mainline-6.18', '--format', 'json'];
  const plain = gmem(asked);
  assert.equal(plain.code, 0);
  const { converts, errors } = JSON.parse(plain.stdout).results[0].counters;
  assert.deepEqual([converts, errors], [1, { EINVAL: 1 }]);
  const cases: [string[], number, string][] = [
    [['converts>0'], 3, 'gmem: --fail-if: mainline-6.18: converts is 1: > 0\n'],
    [['converts>1'], 0, ''],
    [['converts >= 1'], 3, 'gmem: --fail-if: mainline-6.18: converts is 1: >= 1\n'],
    [['converts<1'], 0, ''],
    [['errors<=1'], 3, 'gmem: --fail-if: mainline-6.18: errors is 1: <= 1\n'],
    [['cycles_total<1e3'], 0, ''],
    [
      ['splits_2m>0', 'errors>0', 'converts>0.5'],
      3,
      'gmem: --fail-if: mainline-6.18: errors is 1: > 0\ngmem: --fail-if: mainline-6.18: converts is 1: > 0.5\n',
    ],
  ];
  const simulated = (text: string) => JSON.stringify(JSON.parse(text).results[0].counters);
  for (const [conditions, code, said] of cases) {
    const run = gmem([...asked, ...conditions.flatMap((condition) => ['--fail-if', condition])]);
    assert.deepEqual([run.code, run.stderr], [code, said], conditions.join());
    assert.equal(simulated(run.stdout), simulated(plain.stdout));
  }
});

test('every policy that ran is held to it, and a refused one is not', (t) => {
  const input = file(scratch(t), 'small.jsonl', SMALL);
  const policies = ['--policies', 'mainline-6.18,rfc-thp,hugetlb-1g'];
  const { code, stderr } = gmem(['compare', input, ...policies, '--fail-if', 'converts>0']);
  assert.equal(code, 3);
  assert.match(stderr, /: mainline-6\.18: converts is 1: > 0\n.*: rfc-thp: converts is 1: > 0\n/);
  assert.doesNotMatch(stderr, /hugetlb-1g/);
});

test('a threshold nobody can mean is a usage error before anything runs', () => {
  const cases: [string[], RegExp][] = [
    [['splits_2n>7'], /--fail-if: unknown "splits_2n", did you mean "splits_2m"\? Accepted: /],
    [['splits_2m'], /--fail-if: "splits_2m"\. Accepted: a counter, one of > >= < <=, and a number/],
    [['splits_2m=7'], /Accepted: a counter/],
    [['splits_2m>many'], /Accepted: a counter/],
    [['splits_2m>1e999'], /Accepted: a counter/],
    [['__proto__>1'], /unknown "__proto__"/],
  ];
  for (const [[condition], message] of cases) {
    const { code, stderr } = gmem(['compare', 'none', '--fail-if', condition as string]);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
  const kernel = gmem(['replay', 'none', '--engine', 'kvm', '--fail-if', 'errors>0']);
  assert.equal(kernel.code, 2);
  assert.match(kernel.stderr, /--fail-if: the running kernel does not count/);
});
