import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ResultsDocument } from '../../lib/compare/results.js';
import { PRESET_NAMES, PRESETS, type PresetName } from '../../lib/policy/presets.js';
import { file, gmem, interrupted, MAIN, SMALL, scratch, TRACE } from './gmem.js';

function withoutHost(json: string): string {
  return JSON.stringify(JSON.parse(json), (key, value) => (key === 'host' ? undefined : value));
}

test('the bundled trace under every policy: the same bytes twice outside host, from both engines', () => {
  const run = (engine: string): string => {
    const { code, stdout, stderr } = gmem(['compare', TRACE, '--format', 'json', '--engine', engine, '--quiet']);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    return stdout;
  };
  const native = run('native');
  assert.equal(withoutHost(native), withoutHost(run('native')));
  assert.equal(
    withoutHost(native).replaceAll('"engine":"native"', '"engine":"reference"'),
    withoutHost(run('reference')),
  );
  const document = JSON.parse(native) as ResultsDocument;
  assert.equal(document.schema, 'gmem.compare/1');
  assert.equal(document.input.ops, 251_888);
  assert.equal(document.input.guest_bytes, 2_684_354_560);
  assert.equal(document.settings.arch, 'snp');
  assert.equal(document.settings.memory_bytes, 6 * 2 ** 30);
  assert.deepEqual(
    document.results.map((result) => result.policy),
    PRESET_NAMES,
  );
  // The trace's file of 2.5 GiB is no whole number of a 1G pool's pages.
  const giants = PRESET_NAMES.filter((name) => PRESETS[name].knobs.hugepages === '1G');
  assert.equal(giants.length, 3);
  for (const result of document.results) {
    assert.equal('refused' in result, giants.includes(result.policy as PresetName), result.policy);
    if ('refused' in result) {
      assert.match(result.refused, /gmem 0 of 2\.50 GiB is not a multiple of the pool's 1 GiB pages/);
      continue;
    }
    assert.equal(result.ops, 251_888);
    // Counted from the trace by hand: conversions of the meta file.
    assert.equal(result.counters.converts, 556);
    const sum = Object.values(result.modelled.cycles).reduce((total, cycles) => total + cycles, 0);
    assert.equal(result.modelled.cycles_total, sum);
    assert.ok(result.host.engine_ns > 0);
  }
});

test('table on stdout, report beside, and the last line of stderr says where', (t) => {
  const folder = scratch(t);
  const { code, stdout, stderr } = gmem(['compare', TRACE, '--format', 'table', '--format', 'html'], folder);
  assert.equal(code, 0);
  for (const name of PRESET_NAMES) assert.match(stdout, new RegExp(`^${name.replace('.', '\\.')}[ :]`, 'm'));
  assert.match(stderr.trimEnd().split('\n').at(-1) as string, /gmem-report\.html/);
  assert.deepEqual(readdirSync(folder), ['gmem-report.html']);
  assert.match(readFileSync(path.join(folder, 'gmem-report.html'), 'utf8'), /^<!doctype html>/);
});

test('several formats go to a folder, one to a file, - to stdout', (t) => {
  const folder = scratch(t);
  const input = file(folder, 'small.jsonl', SMALL);
  const several = gmem(
    ['compare', input, '--format', 'table,json', '--format', 'csv', '--format', 'html', '-o', 'out'],
    folder,
  );
  assert.equal(several.code, 0, several.stderr);
  assert.equal(several.stdout, '');
  assert.deepEqual(readdirSync(path.join(folder, 'out')).sort(), [
    'gmem-compare.csv',
    'gmem-compare.json',
    'gmem-compare.txt',
    'gmem-report.html',
  ]);
  assert.equal(gmem(['compare', input, '--format', 'json', '-o', 'one.json'], folder).code, 0);
  assert.equal(JSON.parse(readFileSync(path.join(folder, 'one.json'), 'utf8')).schema, 'gmem.compare/1');
  assert.match(gmem(['compare', input, '--format', 'html', '-o', '-'], folder).stdout, /^<!doctype html>/);
  const taken = gmem(['compare', input, '--format', 'table,json', '-o', 'one.json'], folder);
  assert.equal(taken.code, 2);
  assert.match(taken.stderr, /one\.json is a file/);
});

test('replay: one result, one outcome line an op, verified', (t) => {
  const folder = scratch(t);
  const input = file(folder, 'small.jsonl', SMALL);
  const outcomes = path.join(folder, 'outcomes.jsonl');
  for (const engine of ['native', 'reference']) {
    const common = ['replay', input, '--policy', 'mainline-6.18', '--engine', engine];
    const { code, stdout, stderr } = gmem([...common, '--outcomes', outcomes, '--verify', '--format', 'json'], folder);
    assert.equal(code, 0, stderr);
    const document = JSON.parse(stdout) as ResultsDocument;
    assert.equal(document.schema, 'gmem.replay/1');
    assert.equal(document.results.length, 1);
    assert.deepEqual((document.results[0] as { violations?: string[] }).violations, []);
    const written = readFileSync(outcomes, 'utf8');
    assert.deepEqual(
      written
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      [
        { i: 0, ok: true },
        { i: 1, ok: true },
        { i: 2, ok: true },
        { i: 3, ok: true, changed: 1, split: 0, merged: 0 },
        { i: 4, ok: true },
        { i: 5, ok: false, errno: 'EINVAL' },
      ],
    );
    const piped = gmem([...common, '--outcomes', '-'], folder);
    assert.equal(piped.stdout, written);
    assert.equal(piped.code, 0);
  }
});

test('replay of what its policy cannot run: a refused row as in a comparison, the reason on stderr, exit code 1', () => {
  const args = [TRACE, '--format', 'json', '-q'];
  const alone = gmem(['replay', ...args, '--policy', 'hugetlb-1g']);
  const [row] = (JSON.parse(gmem(['compare', ...args, '--policies', 'hugetlb-1g']).stdout) as ResultsDocument).results;
  assert.deepEqual((JSON.parse(alone.stdout) as ResultsDocument).results, [row]);
  assert.equal(alone.code, 1);
  assert.match(
    alone.stderr,
    /^gmem: hugetlb-1g cannot run this input: gmem 0 of 2\.50 GiB is not a multiple [^\n]*\n$/,
  );
  const outcomes = gmem(['replay', TRACE, '--policy', 'hugetlb-1g', '--outcomes', '-']);
  assert.deepEqual([outcomes.code, outcomes.stderr], [1, alone.stderr]);
  assert.match(outcomes.stdout, /^\{"i":0,"ok":false,"errno":"EINVAL"\}\n/);
  assert.equal(outcomes.stdout.split('\n').length - 1, 251_888);
});

test('the outcomes file: as many lines as ops and no warning, told before the run or at once when it cannot be', (t) => {
  const folder = scratch(t);
  const outcomes = path.join(folder, 'outcomes.jsonl');
  const common = ['replay', TRACE, '--policy', 'rfc-thp', '--format', 'json', '-q', '--outcomes'];
  const { code, stdout, stderr } = gmem([...common, outcomes], folder);
  assert.deepEqual([code, stderr], [0, '']);
  const { ops } = (JSON.parse(stdout) as ResultsDocument).input;
  assert.equal(readFileSync(outcomes, 'utf8').split('\n').length - 1, ops);

  const nowhere = gmem([...common, path.join(folder, 'no', 'such')], folder);
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.stderr, /^gmem: --outcomes: there is no folder .*no\n$/);
  const full = gmem([...common, '/dev/full'], folder);
  assert.equal(full.code, 1);
  assert.equal(full.stderr, 'gmem: /dev/full: cannot be written: no space left on device\n');
  const before = readFileSync(outcomes, 'utf8');
  assert.equal(gmem(['replay', 'absent', '--policy', 'rfc-thp', '--outcomes', outcomes], folder).code, 2);
  assert.equal(readFileSync(outcomes, 'utf8'), before);
});

test('a cost file changes the model and nothing else', (t) => {
  const folder = scratch(t);
  const input = file(folder, 'small.jsonl', SMALL);
  const costs = file(folder, 'costs.json', ['{"source": "here", "cycles": {"clear_page": 1000000}}']);
  const args = ['compare', input, '--policies', 'rfc-thp', '--format', 'json'];
  const plain = JSON.parse(gmem(args).stdout).results[0];
  const { stdout } = gmem([...args, '--cost', costs]);
  const costly = JSON.parse(stdout).results[0];
  assert.deepEqual(costly.counters, plain.counters);
  assert.equal(costly.modelled.cycles.clear_page, 1_000_000 * plain.counters.pages_cleared);
  const bad = file(folder, 'bad.json', ['{"cycles": {"clear_page": -1}}']);
  const refused = gmem([...args, '--cost', bad]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /bad\.json:1:27: cycles\.clear_page: /);
});

test('check says what is in each input, and fails if one is bad', (t) => {
  const folder = scratch(t);
  const good = file(folder, 'good.jsonl', SMALL);
  const ok = gmem(['check', good, TRACE]);
  assert.equal(ok.code, 0);
  assert.match(ok.stdout, /good\.jsonl: ok[\s\S]*boot2g\.jsonl\.gz: ok/);
  const bad = file(folder, 'bad.jsonl', ['{"op":"touch","gpa":"x"}']);
  const some = gmem(['check', bad, good]);
  assert.equal(some.code, 2);
  assert.match(some.stdout, /good\.jsonl: ok/);
  assert.match(some.stderr, /bad\.jsonl:1:\d+: gpa: /);
});

test('convert: to packed and back gives the same ops; - is stdout', (t) => {
  const folder = scratch(t);
  const input = file(folder, 'small.jsonl', SMALL);
  for (const [from, to] of [
    [input, 'a.gmt'],
    ['a.gmt', 'b.jsonl.gz'],
    ['b.jsonl.gz', 'c.jsonl'],
  ] as const) {
    const { code, stdout, stderr } = gmem(['convert', from, '-o', to], folder);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`wrote 6 ops to ${to}`));
  }
  const piped = gmem(['convert', input, '-o', '-'], folder);
  assert.equal(piped.stdout, readFileSync(path.join(folder, 'c.jsonl'), 'utf8'));
  assert.equal(piped.stderr, '');
  const wrong = gmem(['convert', input, '-o', 'x.foo'], folder);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /\.jsonl, \.jsonl\.gz, \.gmt/);
  assert.ok(!existsSync(path.join(folder, 'x.foo')));
});

test('a reader that goes away ends the program quietly', () => {
  const script = '"$0" "$1" convert "$2" -o - | head -n 1; echo "$PIPESTATUS"';
  const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, MAIN, TRACE], { encoding: 'utf8' });
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  assert.match(lines[0] as string, /^\{"op":"create"/);
  assert.equal(lines[1], '0');
  assert.equal(stderr, '');
});

test('a stdout that takes nothing more is told in one line, exit code 1', (t) => {
  const input = file(scratch(t), 'small.jsonl', SMALL);
  for (const args of [['version'], ['compare', input], ['convert', input, '-o', '-']]) {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    assert.deepEqual([status, stderr], [1, 'gmem: stdout: cannot be written: no space left on device\n'], args[0]);
  }
});

test('- is standard input, of every verb that reads', (t) => {
  const folder = scratch(t);
  const input = readFileSync(file(folder, 'small.jsonl', SMALL));
  const stdin = (content: Buffer, ...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, input: content, encoding: 'utf8' });
  assert.match(stdin(gzipSync(input), 'check', '-').stdout, /^-: ok\n[\s\S]*6 \(create 1/);
  assert.match(stdin(Buffer.from('{"op":"x"}\n'), 'check', '-').stderr, /^-:1:7: op: unknown op "x"/);
  const document = JSON.parse(stdin(input, 'compare', '-', '--format', 'json').stdout) as ResultsDocument;
  assert.deepEqual([document.input.path, document.input.ops, document.input.sha256], ['-', SMALL.length, undefined]);
  assert.match(stdin(input, 'replay', '-', '--policy', 'rfc-thp').stdout, /^-: 6 ops/);
  assert.equal(stdin(input, 'convert', '-', '-o', '-').stdout.trim().split('\n').length, SMALL.length);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal}: what ran is reported, marked as interrupted, exit code 130`, async () => {
    const args = ['compare', TRACE, '--engine', 'reference', '--format', 'json', '--progress', 'always'];
    const { code, stdout, stderr } = await interrupted(args, signal);
    assert.equal(code, 130, stderr);
    assert.match(stderr, /interrupted/);
    const document = JSON.parse(stdout) as ResultsDocument;
    assert.equal(document.interrupted, true);
    assert.ok(
      document.results.length < PRESET_NAMES.length || document.results.some((result) => 'interrupted' in result),
    );
  });
}

test('progress is for people: never on stdout, nothing at all when quiet', (t) => {
  const input = file(scratch(t), 'small.jsonl', SMALL);
  const loud = gmem(['compare', input, '--progress', 'always']);
  assert.match(loud.stderr, /rfc-thp \(5 of 16\): 100 %/);
  assert.doesNotMatch(loud.stdout, /of 4\)/);
  assert.equal(gmem(['compare', input, '--progress', 'always', '--quiet']).stderr, '');
  assert.equal(gmem(['compare', input]).stderr, '');
});
