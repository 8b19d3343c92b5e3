/** A report names the command that gives it again, and a document says what its ops were made from. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isRun, type ResultsDocument, rowName } from '../../lib/compare/results.js';
import { renderReport } from '../../lib/report/render.js';
import { gmem, scratch } from './gmem.js';

const FINE = fileURLToPath(new URL('../../../scenarios/fine-grained.yaml', import.meta.url));
const POOL = fileURLToPath(new URL('../../../scenarios/shared-pool.yaml', import.meta.url));

function document(...args: string[]): ResultsDocument {
  const { code, stdout, stderr } = gmem([...args, '--format', 'json', '--quiet']);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as ResultsDocument;
}

/** The words of the command in the HTML report, as a shell would take them apart. */
function again(of: ResultsDocument): string[] {
  const html = renderReport('html', of);
  const escaped = /Run again with<\/dt><dd class="mono">(.*?)<\/dd>/.exec(html)?.[1];
  assert.ok(escaped !== undefined);
  const command = escaped.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  const words = command.match(/'[^']*'|\S+/g) ?? [];
  assert.equal(words.shift(), 'gmem');
  return words.map((word) => word.replaceAll("'", ''));
}

const numbers = ({ results }: ResultsDocument): unknown[] =>
  results.map((row) => [rowName(row), isRun(row) ? [row.ops, row.counters] : row.refused]);

for (const [name, args] of [
  ['a key set', ['run', POOL, '--set', 'phases[3].share=4%', '--policies', 'hugetlb-2m']],
  ['a seed', ['run', FINE, '--seed', '5', '--policies', 'rfc-thp,hugetlb-2m']],
  ['memory of the guests', ['run', FINE, '--guest-memory', '1GiB', '--policies', 'rfc-thp']],
  ['threads and a key set', ['replay', FINE, '--policy', 'rfc-thp', '--vcpus', '2', '--set', 'machine.vcpus=4']],
  ['a sweep of the arch', ['run', FINE, '--sweep', 'machine.arch=snp,tdx', '--policies', 'hugetlb-2m']],
  ['a sweep of the memory', ['run', FINE, '--sweep', 'machine.memory=1GiB,4GiB', '--policies', 'hugetlb-2m']],
  ['a sweep of the host', ['run', FINE, '--sweep', 'machine.hostMemory=1GiB,9GiB', '--policies', 'hugetlb-2m']],
  ['a sweep of the seed', ['run', FINE, '--sweep', 'machine.seed=3,4', '--policies', 'rfc-thp']],
  ['a sweep on an arch', ['run', POOL, '--sweep', 'phases[3].share=1%,2%', '--arch', 'none', '--policies', 'rfc-thp']],
] as const) {
  test(`the command of a report gives its numbers: ${name}`, () => {
    const first = document(...args);
    assert.deepEqual(numbers(document(...again(first))), numbers(first));
  });
}

test('a sweep alone has set nothing beside it', () => {
  const swept = document('run', FINE, '--sweep', 'machine.seed=3,4', '--policies', 'rfc-thp');
  assert.equal(swept.input.set, undefined);
  assert.match(renderReport('table', swept), /fine-grained\.yaml: sweep of machine\.seed over 3, 4;/);
  const both = document(
    'run',
    FINE,
    '--sweep',
    'machine.seed=3,4',
    '--set',
    'machine.vcpus=2',
    '--policies',
    'rfc-thp',
  );
  assert.deepEqual(both.input.set, ['machine.vcpus=2']);
});

test('a seed makes the ops of a scenario whatever the verb', () => {
  const policies = ['--policies', 'rfc-thp'];
  const five = numbers(document('run', FINE, '--seed', '5', ...policies));
  assert.deepEqual(numbers(document('compare', FINE, '--seed', '5', ...policies)), five);
  assert.deepEqual(numbers(document('replay', FINE, '--seed', '5', '--policy', 'rfc-thp')), five);
  assert.notDeepEqual(numbers(document('compare', FINE, '--seed', '6', ...policies)), five);
});

test('a key is set once: of an option, a sweep and --set that name the same one, two are refused', () => {
  for (const [args, message] of [
    [['--sweep', 'machine.arch=snp,tdx', '--arch', 'none'], '--sweep: machine.arch is set by --arch too'],
    [
      ['--sweep', 'machine.hostMemory=1GiB,9GiB', '--memory', '64MiB'],
      '--sweep: machine.hostMemory is set by --memory',
    ],
    [['--sweep', 'machine.seed=1,5', '--seed', '9'], '--sweep: machine.seed is set by --seed too'],
    [['--sweep', 'machine.memory=1GiB', '--guest-memory', '2GiB'], '--sweep: machine.memory is set by --guest-memory'],
    [['--set', 'machine.memory=4GiB', '--guest-memory', '3GiB'], 'machine.memory is set by --guest-memory too'],
    [['--set', 'machine.arch=tdx', '--arch', 'snp'], 'machine.arch is set by --arch too'],
    [
      ['--sweep', 'machine.vcpus=1,2', '--set', 'machine.vcpus=4'],
      '--sweep: machine.vcpus is set by --set machine.vcpus',
    ],
  ] as const) {
    const { code, stdout, stderr } = gmem(['run', FINE, ...args]);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.ok(stderr.includes(message) && stderr.includes('Accepted: one of them'), stderr);
  }
});

test('documents of a scenario set otherwise do not make one report', (t) => {
  const folder = scratch(t);
  const a = document('run', FINE, '--set', 'phases[1].content=preserve', '--policies', 'thp-keep');
  writeFileSync(path.join(folder, 'a.json'), JSON.stringify(a));
  writeFileSync(path.join(folder, 'b.json'), JSON.stringify(document('run', FINE, '--policies', 'hugetlb-2m')));
  const { code, stderr } = gmem(['report', folder]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /b\.json: input\.set is missing, in .*a\.json \["phases\[1\]\.content=preserve"\], accepted: runs/,
  );
  const set = renderReport('table', a).split('\n')[0] as string;
  assert.ok(set.includes('with phases[1].content=preserve: '), set);
});

test('a scenario on more memory than a host can have is refused at its place, by check as by run', (t) => {
  const folder = scratch(t);
  const file = path.join(folder, 'large.yaml');
  writeFileSync(
    file,
    'schema: gmem.scenario/1\nname: large\nmachine:\n  memory: 1GiB\n  hostMemory: 16TiB\nphases:\n  - phase: boot\n    touched: 1MiB\n',
  );
  for (const verb of ['check', 'run']) {
    const { code, stderr } = gmem([verb, file]);
    assert.equal(code, 2);
    assert.match(stderr, /large\.yaml:5:\d+: machine\.hostMemory: got "16TiB", accepted: .* less than 16TiB/);
  }
});

test('what finds no memory says so, and what shows no latency', (t) => {
  const folder = scratch(t);
  const file = path.join(folder, 'two.jsonl');
  writeFileSync(file, '{"op":"touch","gpa":0}\n{"op":"touch","vm":1,"gpa":0}\n');
  const { code, stderr } = gmem(['compare', file, '--policies', 'rfc-thp', '--latency']);
  assert.equal(code, 0);
  assert.match(
    stderr,
    /two\.jsonl: its ops find no guest memory: it creates none, and none is fitted to the ops of several VMs/,
  );
  assert.match(stderr, /--latency: its figures are in --format json and csv only/);
  assert.equal(gmem(['compare', file, '--policies', 'rfc-thp', '--quiet']).stderr, '');
});
