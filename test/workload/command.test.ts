/** Scenarios on the command line, as any other input and with keys set. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ResultsDocument } from '../../lib/compare/results.js';
import { PRESET_NAMES } from '../../lib/policy/presets.js';
import { file, gmem, SMALL, scratch, TRACE } from '../cli/gmem.js';

const LINES = [
  '# a small guest',
  'name: small',
  'schema: "gmem.scenario/1"',
  'machine: {memory: 256MiB, vcpus: 2, seed: 5, arch: snp, hostMemory: 2GiB}',
  'policies: [rfc-thp, {name: no-fallback, base: rfc-thp, knobs: {fallback: false}}]',
  'phases:',
  '  - {phase: flip, times: 3}',
  '  - {phase: hungry, size: 8MiB}',
];

/** Of more memory than one slot of KVM holds. */
const BIG = [
  'name: big',
  'schema: "gmem.scenario/1"',
  'machine: {memory: 9TiB, vcpus: 2}',
  'policies: [rfc-thp, mainline-6.18, hugetlb-2m]',
  'phases:',
  '  - {phase: hungry, size: 8MiB}',
  // In the second slot above 4 GiB.
  '  - {phase: flip, times: 3, size: 2MiB, at: 9TiB}',
];

/** Parsed, without the host's figures. */
function simulated(json: string): ResultsDocument {
  return JSON.parse(json, (key, value) => (key === 'host' ? undefined : value)) as ResultsDocument;
}

test('run: policies, host memory, arch and seed of the file, replaced where asked', (t) => {
  const folder = scratch(t);
  const input = file(folder, 'x.yaml', LINES);
  const { code, stdout, stderr } = gmem(['run', input, '--format', 'json']);
  assert.equal(code, 0, stderr);
  const document = simulated(stdout);
  assert.equal(document.schema, 'gmem.compare/1');
  assert.deepEqual(
    document.results.map(({ policy }) => policy),
    ['rfc-thp', 'no-fallback'],
  );
  assert.deepEqual(document.settings, { arch: 'snp', memory_bytes: 2 ** 31, seed: 5, contents: false });
  assert.equal(document.input.ops, 2 + 12 + 2048);
  assert.equal(document.input.format, 'scenario');
  assert.deepEqual(simulated(gmem(['compare', input, '--format', 'json']).stdout), document);

  const other = [
    '--guest-memory',
    '512MiB',
    '--set',
    'phases[0].times=4',
    '--seed',
    '9',
    '--policies',
    'mainline-6.18',
  ];
  const changed = simulated(
    gmem(['run', input, '--format', 'json', '--memory', '3GiB', '--arch', 'none', ...other]).stdout,
  );
  assert.deepEqual(
    changed.results.map(({ policy }) => policy),
    ['mainline-6.18'],
  );
  assert.deepEqual(changed.settings, { arch: 'none', memory_bytes: 3 * 2 ** 30, seed: 9, contents: false });
  assert.equal(changed.input.guest_bytes, 2 ** 29);
  assert.equal(changed.input.ops, 2 + 16 + 2048);
});

test('run without policies takes every preset', (t) => {
  const input = file(
    scratch(t),
    'x.yaml',
    LINES.filter((line) => !line.startsWith('policies')),
  );
  const { results } = simulated(gmem(['run', input, '--format', 'json']).stdout);
  assert.deepEqual(
    results.map(({ policy }) => policy),
    PRESET_NAMES,
  );
});

test('check, replay and convert take a scenario; what is converted runs alike', (t) => {
  const folder = scratch(t);
  const input = file(folder, 'x.yaml', LINES);
  assert.match(
    gmem(['check', input]).stdout,
    /x\.yaml: ok\n.*format +scenario: .*\n +ops +2062 \(create 1, bind 1, convert 6, touch 2054\)/,
  );
  const replay = (from: string): ResultsDocument =>
    simulated(
      gmem(['replay', from, '--policy', 'rfc-thp', '--verify', '--memory', '2GiB', '--seed', '5', '--format', 'json'])
        .stdout,
    );
  const direct = replay(input);
  assert.deepEqual((direct.results[0] as { violations?: string[] }).violations, []);
  for (const name of ['ops.jsonl', 'ops.jsonl.gz', 'ops.gmt']) {
    const out = path.join(folder, name);
    assert.equal(gmem(['convert', input, '-o', out]).code, 0);
    const converted = replay(out);
    assert.equal(converted.input.ops, 2062);
    assert.deepEqual(converted.results, direct.results);
  }
  const piped = gmem(['convert', input, '-o', '-']).stdout;
  assert.equal(piped, readFileSync(path.join(folder, 'ops.jsonl'), 'utf8'));
  assert.match(piped, /"op":"convert".*"to":"shared".*"source":"flip"/);
});

test('--set is the same to every verb that takes a scenario', (t) => {
  const folder = scratch(t);
  const input = file(folder, 'x.yaml', LINES);
  const set = ['--set', 'phases[0].times=5', '--set', 'machine.memory=512MiB'];
  const rows = (verb: string, from: string, ...more: string[]): ResultsDocument['results'] =>
    simulated(gmem([verb, from, ...more, '--format', 'json']).stdout).results;
  const host = ['--seed', '5', '--memory', '2GiB'];
  const direct = rows('run', input, ...set, ...host, '--policies', 'rfc-thp');
  assert.equal((direct[0] as { ops: number }).ops, 2 + 20 + 2048);
  assert.deepEqual(rows('compare', input, ...set, ...host, '--policies', 'rfc-thp'), direct);
  assert.deepEqual(rows('replay', input, ...set, ...host, '--policy', 'rfc-thp'), direct);
  const out = path.join(folder, 'ops.gmt');
  assert.equal(gmem(['convert', input, ...set, '-o', out]).code, 0);
  assert.deepEqual(rows('compare', out, ...host, '--policies', 'rfc-thp'), direct);
  assert.match(gmem(['check', input, ...set]).stdout, /ops +2070 /);
  // A trace has no keys, and a wrong one is the option's fault here too.
  const trace = file(folder, 'x.jsonl', ['{"op":"create","size":4096}']);
  for (const verb of ['convert', 'check', 'compare']) {
    const rest = verb === 'convert' ? ['-o', '-'] : [];
    const taken = gmem([verb, trace, '--set', 'machine.memory=1GiB', ...rest]);
    assert.equal(taken.code, 2);
    assert.match(taken.stderr, /x\.jsonl: has no settings: it is .*, accepted: a scenario/);
    const wrong = gmem([verb, input, '--set', 'machine.arch=riscv', ...rest]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^--set machine\.arch: got "riscv", accepted: /);
  }
});

test('a guest of more than 8 TiB: slots as large as KVM takes, on a host that it fits', (t) => {
  const input = file(scratch(t), 'big.yaml', BIG);
  const { code, stdout, stderr } = gmem(['run', input, '--format', 'json']);
  assert.equal(code, 0, stderr);
  const { settings, results } = simulated(stdout);
  assert.equal(settings.memory_bytes, 2 ** 44 - 2 ** 21);
  for (const row of results) assert.deepEqual((row as { counters: { errors: object } }).counters.errors, {});
  // The reference has an object for every page of a pool.
  const reference = gmem(['run', input, '--engine', 'reference', '--policies', 'rfc-thp', '--fail-if', 'errors>0']);
  assert.equal(reference.code, 0, reference.stderr);
});

test('guests that no host fits are bad input, unless the host is said', (t) => {
  const input = file(scratch(t), 'big.yaml', BIG);
  const huge = ['run', input, '--guest-memory', '20TiB', '--policies', 'rfc-thp'];
  const { code, stdout, stderr } = gmem(huge);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(
    stderr,
    /^gmem: memory: the guests have 20 TiB at one time, .* just under 16 TiB\. Accepted: .*--memory \(machine\.hostMemory\)/,
  );
  assert.equal(gmem([...huge, '--memory', '1TiB']).code, 0);
  assert.equal(gmem([...huge, '--set', 'machine.hostMemory=1TiB']).code, 0);
});

test('a scenario whose guest cannot be made has not run, and says which op was refused and why', (t) => {
  const input = file(scratch(t), 'big.yaml', BIG);
  // Slots end where guest-physical addresses do.
  const beyond = ['--guest-memory', '4PiB', '--memory', '1TiB'];
  for (const engine of ['native', 'reference']) {
    const ran = gmem(['run', input, ...beyond, '--engine', engine, '--policies', 'rfc-thp', '--format', 'json']);
    assert.equal(ran.code, 1);
    const [row] = simulated(ran.stdout).results as unknown as [{ refused: string }];
    assert.match(
      row.refused,
      /^there is no guest: bind of slot \d+ of vm 0, .* at gpa 0x[0-9a-f]+, answers EINVAL: guest-physical addresses end at 4 PiB; machine\.memory \(--guest-memory\)/,
    );
    assert.ok(ran.stderr.includes(`gmem: rfc-thp cannot run this input: ${row.refused}\n`), ran.stderr);
  }
  // A replay is asked for by name and does not know beforehand what a pool has no room for; the answer is told all the same.
  const replay = gmem(['replay', input, '--policy', 'hugetlb-2m', '--memory', '1TiB', '--outcomes', '-']);
  assert.equal(replay.code, 1);
  assert.equal(replay.stdout, '{"i":0,"ok":false,"errno":"ENOMEM"}\n');
  assert.match(
    replay.stderr,
    /hugetlb-2m cannot run .*: create of gmem 0, 9 TiB, for vm 0 answers ENOMEM: the host has 1 TiB, which --memory/,
  );
});

test('problems and misuse: exit code 2, nothing on stdout', (t) => {
  const folder = scratch(t);
  const bad = file(folder, 'bad.yaml', [...LINES, '  - {phase: flip, tims: 3}', '  - {phase: flop}']);
  for (const verb of ['run', 'compare', 'check']) {
    const { code, stdout, stderr } = gmem([verb, bad]);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /bad\.yaml:9:19: phases\[2\]\.tims: unknown key.*\n.*bad\.yaml:10:13: phases\[3\]\.phase: unknown "flop"/,
    );
  }
  const misfit = file(folder, 'misfit.yaml', [...LINES, '  - {phase: populate}', '  - {phase: flip, size: 0}']);
  const { code, stderr } = gmem(['check', misfit]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^.*misfit\.yaml:9:13: phases\[2\]\.phase: populate comes after flip \(phases\[0\]\).*\n.*:10:25: phases\[3\]\.size: got 0.*\n$/,
  );
  const good = file(folder, 'x.yaml', LINES);
  const blames = (option: string, value: string, message: RegExp): void => {
    const ran = gmem(['run', good, option, value]);
    assert.deepEqual([ran.code, ran.stdout], [2, '']);
    assert.match(ran.stderr, message);
  };
  blames('--set', 'nonsense', /^--set nonsense: got "nonsense", accepted: key\.path=value.*\n$/);
  blames('--set', 'hostt=64GiB', /^--set hostt: unknown key, .*accepted: schema, name, .*phases\n$/);
  blames('--set', 'machine.hostt=64GiB', /^--set machine\.hostt: unknown key, .*accepted: memory, .*hostMemory\n$/);
  blames('--set', 'machine.arch=riscv', /^--set machine\.arch: got "riscv", accepted: none, snp, tdx, pkvm\n$/);
  blames('--guest-memory', 'lots', /^--guest-memory: got "lots", accepted: bytes or a size such as .*\n$/);
  blames('--sweep', 'phases[0].times=1,x', /^--sweep phases\[0\]\.times: got "x", accepted: a whole number.*\n$/);
  const trace = file(folder, 'x.jsonl', ['{"op":"create","size":4096}']);
  assert.match(gmem(['run', trace]).stderr, /x\.jsonl:.* /);
  assert.equal(gmem(['run', trace]).code, 2);
});

test('what is no scenario is told once, as what it is', (t) => {
  const folder = scratch(t);
  file(folder, 'e.jsonl', SMALL);
  assert.equal(gmem(['convert', 'e.jsonl', '-o', 'e.gmt'], folder).code, 0);
  for (const [input, what] of [
    ['e.jsonl', 'op stream, JSON lines \\(.jsonl, .jsonl.gz\\)'],
    [TRACE, 'op stream, JSON lines \\(.jsonl, .jsonl.gz\\)'],
    ['e.gmt', 'op stream, packed \\(.gmt\\)'],
  ] as const) {
    const { code, stdout, stderr } = gmem(['run', input], folder);
    assert.deepEqual([code, stdout], [2, '']);
    const message = `: is no scenario: it is ${what}, accepted: a scenario; gmem compare and gmem replay take every format\n$`;
    assert.match(stderr, new RegExp(`^[^\n]*${message}`));
  }
  const lost = file(folder, 'lost.yaml', ['schema: gmem.scenario/1', ...Array<string>(30).fill('} ]: [ {'), 'x']);
  const { code, stderr } = gmem(['run', lost], folder);
  assert.equal(code, 2);
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, 6, stderr);
  assert.match(lines.at(-1) as string, /lost\.yaml: and \d+ more problems$/);
});

test('a name that a terminal would obey is a problem with its place, and never reaches one', (t) => {
  const scenario = file(scratch(t), 'x.yaml', [
    'schema: gmem.scenario/1',
    String.raw`name: "a\e[31m"`,
    'guests:',
    String.raw`  - name: "b\e[31m"`,
    'policies:',
    String.raw`  - { name: "c\e[31m", base: rfc-thp, knobs: {} }`,
    'machine: { memory: 64MiB }',
    'phases:',
    '  - phase: populate',
  ]);
  const { code, stdout, stderr } = gmem(['run', scenario]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.ok(!stderr.includes('\u001b'));
  for (const [i, place] of ['2:7: name', '4:11: guests[0].name', '6:13: policies[0].name'].entries()) {
    const line = stderr.split('\n')[i] as string;
    assert.ok(line.includes(`x.yaml:${place}: got "${'abc'[i]}`), stderr);
    assert.match(line, /accepted: text without control characters$/);
  }
});
