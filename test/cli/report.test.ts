import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { file, gmem, SMALL, scratch } from './gmem.js';

/** A folder `results` with a replay under each policy, run one by one. */
function results(t: TestContext, policies: readonly string[], more: readonly string[] = []): string {
  const folder = scratch(t);
  const input = file(folder, 'small.jsonl', SMALL);
  mkdirSync(path.join(folder, 'results'));
  for (const policy of policies) {
    const to = path.join(folder, 'results', `${policy}.json`);
    assert.equal(gmem(['replay', input, '--policy', policy, '--format', 'json', '-o', to, ...more]).code, 0);
  }
  return folder;
}

type Key = string | number;

/** Changes one value of a file of results, and takes it away when there is none. */
function edit(name: string, keys: readonly Key[], value?: unknown): void {
  const document = JSON.parse(readFileSync(name, 'utf8'));
  let at = document;
  for (const key of keys.slice(0, -1)) at = at[key];
  const last = keys.at(-1) as Key;
  if (value === undefined) delete at[last];
  else at[last] = value;
  writeFileSync(name, JSON.stringify(document));
}

test('replays of one input become the comparison they are', (t) => {
  const folder = results(t, ['mainline-6.18', 'rfc-thp']);
  const input = path.join(folder, 'small.jsonl');
  const { code, stdout, stderr } = gmem(['report', path.join(folder, 'results'), '--format', 'json', '-o', '-']);
  assert.equal(code, 0, stderr);
  const once = gmem(['compare', input, '--policies', 'mainline-6.18,rfc-thp', '--format', 'json']);
  const simulated = (text: string) =>
    JSON.stringify(JSON.parse(text), (key, value) => (key === 'host' || key === 'violations' ? undefined : value));
  assert.equal(simulated(stdout), simulated(once.stdout));
});

test('HTML in the current folder by default, and nothing but a message on stderr', (t) => {
  const folder = results(t, ['rfc-thp']);
  const { code, stdout, stderr } = gmem(['report', 'results'], folder);
  assert.deepEqual([code, stdout], [0, '']);
  assert.equal(stderr, 'wrote gmem-report.html (open it in a browser)\n');
  assert.match(readFileSync(path.join(folder, 'gmem-report.html'), 'utf8'), /rfc-thp/);
  const many = gmem(['report', 'results', '-q', '--format', 'table,csv', '-o', 'out/'], folder);
  assert.deepEqual([many.code, many.stderr], [0, '']);
  assert.match(readFileSync(path.join(folder, 'out', 'gmem-replay.csv'), 'utf8'), /^policy,engine,/);
});

test('a calibration is left out, and said to be', (t) => {
  const folder = results(t, ['rfc-thp']);
  writeFileSync(path.join(folder, 'results', 'host.json'), '{"schema":"gmem.calibration/1"}');
  const { code, stderr } = gmem(['report', 'results', '--format', 'table'], folder);
  assert.equal(code, 0);
  assert.match(stderr, /left out results\/host\.json: a calibration/);
});

test('every wrong key of every file, at once', (t) => {
  const folder = results(t, ['mainline-6.18', 'rfc-thp', 'thp-keep']);
  const inside = (name: string) => path.join(folder, 'results', name);
  edit(inside('mainline-6.18.json'), ['results', 0, 'counters', 'psmash']);
  edit(inside('mainline-6.18.json'), ['results', 0, 'knobs', 'source'], 'sky');
  edit(inside('mainline-6.18.json'), ['results', 0, 'memory_map', 0, 'cells'], '<b>');
  edit(inside('rfc-thp.json'), ['host']);
  edit(inside('thp-keep.json'), ['results'], {});
  writeFileSync(inside('a.json'), '{"schema":"gmem.compare/2"}');
  writeFileSync(inside('b.json'), '[1]');
  writeFileSync(inside('c.json'), '{\n  "schema": }');
  writeFileSync(inside('notes.txt'), 'not looked at');
  const { code, stdout, stderr } = gmem(['report', 'results'], folder);
  assert.deepEqual([code, stdout], [2, '']);
  const expected = [
    /^results\/a\.json:1:11: schema: got "gmem\.compare\/2", did you mean "gmem\.compare\/1"\?, accepted: gmem\.compare\/1, gmem\.replay\/1$/,
    /^results\/b\.json:1:1: document: got \[1\], accepted: an object$/,
    /^results\/c\.json:2:13: not JSON: unexpected "}", accepted: a results document$/,
    /^results\/mainline-6\.18\.json:\d+:\d+: results\[0\]\.knobs\.source: got "sky", accepted: buddy, pool$/,
    /^results\/mainline-6\.18\.json:\d+:\d+: results\[0\]\.counters\.psmash: missing, accepted: a number$/,
    /^results\/mainline-6\.18\.json:\d+:\d+: results\[0\]\.memory_map\[0\]\.cells: got "<b>", accepted: cells of the map/,
    /^results\/rfc-thp\.json:1:1: host: missing, accepted: an object$/,
    /^results\/thp-keep\.json:\d+:\d+: results: got \{\}, accepted: a list$/,
  ];
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, expected.length, stderr);
  for (const [i, pattern] of expected.entries()) assert.match(lines[i] as string, pattern);
});

test('what does not belong together is not compared', (t) => {
  const folder = results(t, ['mainline-6.18', 'rfc-thp']);
  const [one, other] = ['mainline-6.18', 'rfc-thp'].map((name) => path.join(folder, 'results', `${name}.json`));
  edit(other as string, ['settings', 'seed'], 5);
  edit(other as string, ['settings', 'vcpus'], 2);
  const [{ cycles }] = JSON.parse(readFileSync(one as string, 'utf8')).cost_table;
  edit(other as string, ['cost_table', 0, 'cycles'], 1);
  edit(other as string, ['results', 0, 'policy'], 'mainline-6.18');
  const { code, stderr } = gmem(['report', path.join(folder, 'results')]);
  assert.equal(code, 2);
  const accepted = 'accepted: runs of one input, all set alike';
  assert.equal(
    stderr,
    `${other}: settings.seed is 5, in ${one} 0, ${accepted}\n` +
      `${other}: settings.vcpus is 2, in ${one} missing, ${accepted}\n` +
      `${other}: cost_table[0].cycles is 1, in ${one} ${cycles}, ${accepted}\n` +
      `${other}: mainline-6.18 is in ${one} too, accepted: every policy once\n`,
  );
});

test('a folder that is empty, or none', (t) => {
  const folder = scratch(t);
  assert.match(gmem(['report', folder]).stderr, /no results in it, accepted: a folder with \.json files/);
  const none = gmem(['report', path.join(folder, 'none')]);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /none: cannot be read: no such file or directory/);
});
