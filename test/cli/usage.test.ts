import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PRESET_NAMES } from '../../lib/policy/presets.js';
import { file, gmem, MAIN, SMALL, scratch } from './gmem.js';

test('without a verb: the usage on stderr, exit code 2', () => {
  const { code, stdout, stderr } = gmem([]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /Usage: gmem/);
});

test('help goes to stdout, exit code 0, and lists the verbs there are', () => {
  const { code, stdout, stderr } = gmem(['--help']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  const verbs = [...stdout.matchAll(/^ {2}(\w+) .*(?:\[|<|print)/gm)].map((match) => match[1]);
  assert.deepEqual(verbs.sort(), [
    'calibrate',
    'check',
    'compare',
    'conform',
    'convert',
    'help',
    'policies',
    'replay',
    'report',
    'run',
    'version',
  ]);
});

for (const verb of [
  'calibrate',
  'compare',
  'replay',
  'check',
  'conform',
  'convert',
  'policies',
  'report',
  'run',
  'version',
]) {
  test(`${verb} --help explains itself`, () => {
    const { code, stdout } = gmem([verb, '--help']);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Usage: gmem ${verb}`));
  });
}

test('options that add up may be given again, and help of a verb is its help', () => {
  const { stderr } = gmem(
    'compare x --set a=1 --set b=2 --format json --format json --fail-if errors>0 --fail-if errors>1'.split(' '),
  );
  assert.doesNotMatch(stderr, /twice/);
  assert.match(gmem(['help', 'compare']).stdout, /^Usage: gmem compare /);
  assert.match(gmem(['help']).stdout, /^Usage: gmem /);
});

test('the command file can be run by name', () => {
  assert.ok(readFileSync(MAIN, 'utf8').startsWith('#!/usr/bin/env node\n'));
});

const WRONG: readonly [string, string[], RegExp][] = [
  ['unknown verb', ['comprae', 'x'], /unknown "comprae", did you mean "compare"\? Accepted: compare, replay/],
  ['a folder that is not there', ['report', '/nowhere/at/all'], /at\/all: cannot be read: no such file or directory/],
  ['no input', ['compare'], /missing required argument 'input'/],
  ['two inputs', ['compare', 'a', 'b'], /too many arguments/],
  ['unknown option', ['compare', 'x', '--polices', 'rfc-thp'], /unknown option '--polices'[\s\S]*--policies/],
  ['unknown policy', ['compare', 'x', '--policies', 'rfc-thp,rfc-tph'], /unknown "rfc-tph", did you mean "rfc-thp"\?/],
  ['no policy at all', ['compare', 'x', '--policies', ','], /--policies: none given/],
  ['unknown engine', ['compare', 'x', '--engine', 'natve'], /unknown "natve", did you mean "native"\?/],
  [
    'the kernel is not compared',
    ['compare', 'x', '--engine', 'kvm'],
    /--engine: kvm is one design.*gmem replay.*Accepted: native, reference$/m,
  ],
  ['nor run', ['run', 'x', '--engine', 'kvm'], /--engine: kvm is one design.*gmem replay/],
  [
    'what the kernel decides',
    'replay x --engine kvm --policy rfc-thp --verify --arch tdx --memory 4GiB --seed 9 --cost y'.split(' '),
    /^gmem: --policy, --arch, --memory, --seed, --cost: with engine kvm the running kernel decides, accepted: without$/m,
  ],
  [
    'a host for the kernel',
    ['replay', 'x', '--engine', 'kvm', '--set', 'machine.memory=1GiB', '--set', 'machine.hostMemory=4GiB'],
    /--set machine\.hostMemory: with engine kvm the running kernel decides/,
  ],
  [
    'an arch for the kernel',
    ['replay', 'x', '--engine', 'kvm', '--set', 'machine.arch=snp'],
    /--set machine\.arch: with engine kvm/,
  ],
  [
    'policies for the kernel',
    ['replay', 'x', '--engine', 'kvm', '--set', 'policies[0]=rfc-thp'],
    /--set policies\[0\]: with engine kvm/,
  ],
  [
    'an arch nobody simulates',
    ['compare', 'x', '--arch', 'sev'],
    /--arch: unknown "sev".*Accepted: none, snp, tdx, pkvm/,
  ],
  [
    'latency of another engine',
    ['compare', 'x', '--latency', '--engine', 'reference'],
    /--latency: accepted with --engine native only/,
  ],
  ['not a size', ['compare', 'x', '--memory', '12Q'], /--memory: "12Q" is not a size/],
  ['not a seed', ['compare', 'x', '--seed', '-1'], /--seed: "-1"/],
  ['no thread', ['compare', 'x', '--vcpus', '0'], /--vcpus: "0"\. Accepted: 1 to 64/],
  ['too many threads', ['replay', 'x', '--policy', 'rfc-thp', '--vcpus', '65'], /--vcpus: "65"/],
  ['half a thread', ['replay', 'x', '--policy', 'rfc-thp', '--vcpus', '1.5'], /--vcpus: "1.5"/],
  ['a seed too large', ['compare', 'x', '--seed', '4294967296'], /0 to 4294967295/],
  ['unknown format', ['compare', 'x', '--format', 'htlm'], /unknown "htlm", did you mean "html"\?/],
  [
    'two formats on stdout',
    ['compare', 'x', '--format', 'json', '--format', 'csv'],
    /json and csv cannot share stdout/,
  ],
  ['two formats on -', ['compare', 'x', '--format', 'json,html', '-o', '-'], /cannot share stdout/],
  ['a folder that is not there', ['compare', 'x', '-o', '/nowhere/at/all.txt'], /there is no folder \/nowhere\/at/],
  ['an output without a name', ['compare', 'x', '-o', ''], /-o: no name\. Accepted: a file/],
  [
    'a file nobody can make',
    ['compare', 'x', '-o', '/proc/x.txt'],
    /-o: \/proc\/x\.txt cannot be written: no such file/,
  ],
  ['a folder nobody can make', ['compare', 'x', '-o', '/proc/x/'], /-o: \/proc\/x\/ cannot be written/],
  ['progress when?', ['compare', 'x', '--progress', 'maybe'], /Accepted: auto, always, never/],
  ['unknown input format', ['compare', 'x', '--input-format', 'jsn'], /Accepted: .*jsonl/],
  ['replay without a policy', ['replay', 'x'], /--policy: missing\. Accepted: base-bitmap/],
  ['help of an unknown verb', ['help', 'comprae'], /^gmem: verb: unknown "comprae", did you mean "compare"\? Accepted/],
  [
    'an empty name',
    ['compare', 'x', '--policies', 'rfc-thp,'],
    /--policies: a name is missing in "rfc-thp,"\. Accepted: /,
  ],
  [
    'a name twice',
    ['run', 'x', '--policies', 'rfc-thp, rfc-thp'],
    /--policies: "rfc-thp" is given twice\. Accepted: once/,
  ],
  [
    'a policy twice',
    'replay x --policy rfc-thp --policy base-bitmap'.split(' '),
    /^gmem: --policy: given twice\. Accepted/,
  ],
  ['policies twice', 'compare x --policies rfc-thp --policies rfc-thp'.split(' '), /^gmem: --policies: given twice/],
  ['an output twice', ['compare', 'x', '-o', 'a', '--output', 'b'], /^gmem: -o: given twice/],
  ['a prefix of its own', ['compare', 'x', '--nonsense'], /^gmem: unknown option '--nonsense'$/m],
  ['no memory', ['compare', 'x', '--memory', '0'], /^gmem: --memory: 0 B is not accepted, accepted: 2 MiB to/],
  [
    'threads where there is one',
    ['compare', 'x', '--vcpus', '2', '--engine', 'reference'],
    /^gmem: --vcpus: 2 is not accepted: the reference engine is one thread/,
  ],
  ['threads timed', ['compare', 'x', '--vcpus', '2', '--latency'], /^gmem: --latency: accepted with --vcpus 1 only/],
  [
    'a policy that its arch cannot have',
    ['replay', 'x', '--policy', 'rfc-thp', '--arch', 'pkvm'],
    /^gmem: --policy rfc-thp with --arch pkvm: arch pkvm needs conversion in-place[^\n]*Accepted: [^\n]*hugetlb-2m[^\n]*\n$/,
  ],
  [
    'outcomes and report on stdout',
    ['replay', 'x', '--policy', 'rfc-thp', '--outcomes', '-', '--format', 'json'],
    /stdout is taken/,
  ],
  ['convert without a target', ['convert', 'x'], /required option '-o, --output <out>'/],
  ['policies of no name', ['policies', 'rfc-tph'], /did you mean "rfc-thp"/],
];

for (const [name, args, message] of WRONG) {
  test(`usage error, exit code 2: ${name}`, () => {
    const { code, stdout, stderr } = gmem(args);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
}

test('bad input: every problem with its place, exit code 2', (t) => {
  const bad = file(scratch(t), 'bad.jsonl', [
    ...SMALL,
    '{"op":"touch"}',
    '{"op":"tuoch","gpa":0}',
    '{"op":"punch","gmem":0,"offset":"x","size":1}',
  ]);
  for (const args of [
    ['compare', bad],
    ['replay', bad, '--policy', 'rfc-thp'],
    ['check', bad],
  ]) {
    const { code, stdout, stderr } = gmem(args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 3, stderr);
    for (const [i, line] of lines.entries()) assert.match(line, new RegExp(`bad\\.jsonl:${7 + i}:\\d+: `));
  }
});

test('memory nobody can simulate is refused', (t) => {
  const input = file(scratch(t), 'small.jsonl', SMALL);
  const { code, stderr } = gmem(['compare', input, '--memory', '4K']);
  assert.equal(code, 2);
  assert.match(stderr, /memory: 4 KiB is not accepted/);
});

test('policies: all of them, or one with its knobs', () => {
  const all = gmem(['policies']);
  assert.equal(all.code, 0);
  assert.deepEqual(
    all.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
    PRESET_NAMES,
  );
  const one = JSON.parse(gmem(['policies', 'rfc-thp', '--json']).stdout);
  assert.equal(one.policy, 'rfc-thp');
  assert.equal(one.knobs.hugepages, '2M');
  assert.match(gmem(['policies', 'rfc-thp']).stdout, /hugepages +2M +of off, 2M, 1G/);
});

test('version, as text and as JSON', () => {
  const { version, name } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  assert.equal(gmem(['version']).stdout, `${name} ${version}\n`);
  assert.equal(gmem(['--version']).stdout, `${name} ${version}\n`);
  const facts = JSON.parse(gmem(['version', '--json']).stdout);
  assert.equal(facts.version, version);
  assert.equal(facts.node, process.version);
});
