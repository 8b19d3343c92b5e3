/** What is wrong with a scenario is said with its place, all at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openInput } from '../../lib/trace/input.js';
import { scenarioFrom } from '../../lib/workload/scenario.js';
import { problemsOf, takesOrRefuses } from '../support/input-error.js';
import { bundled, countsOf, opsOf, scenarioOf } from './support.js';

const HEAD = 'schema: gmem.scenario/1\nname: x\nmachine: {memory: 1GiB}\nphases:\n';

/** Problems of HEAD and the phases given from line 5 on. */
const phasesSay = (text: string): readonly string[] => problemsOf(() => scenarioFrom(HEAD + text, 'x.yaml'));
const fileSays = (text: string): readonly string[] => problemsOf(() => scenarioFrom(text, 'x.yaml'));

test('one problem each, at its place', () => {
  const cases: [text: string, problem: RegExp][] = [
    [
      '- {phase: flop}',
      /^x\.yaml:5:11: phases\[0\]\.phase: unknown "flop", did you mean "flip"\?, accepted: populate, boot, .*shutdown$/,
    ],
    ['- {size: 4KiB}', /^x\.yaml:5:3: phases\[0\]\.phase: missing, accepted: populate/],
    ['- 7', /^x\.yaml:5:3: phases\[0\]: got 7, accepted: a mapping of keys$/],
    [
      '- {phase: flip, tims: 3}',
      /^x\.yaml:5:17: phases\[0\]\.tims: unknown key, did you mean "times"\?, accepted: phase, guest, size, times/,
    ],
    [
      '- {phase: flip, times: 0}',
      /^x\.yaml:5:24: phases\[0\]\.times: got 0, accepted: a whole number, 1 to 1000000000$/,
    ],
    ['- {phase: flip, times: 1.5}', /times: got 1\.5, accepted: a whole number/],
    ['- {phase: flip, times: many}', /times: got "many", accepted: a whole number/],
    [
      '- {phase: flip, size: 5000}',
      /^x\.yaml:5:23: phases\[0\]\.size: got 5000, accepted: bytes or a size such as 64KiB, 2MiB, 16GiB, a multiple of 4KiB, at least 4KiB$/,
    ],
    ['- {phase: flip, size: 0}', /size: got 0, accepted: .*, a multiple of 4KiB, at least 4KiB$/],
    ['- {phase: boot, touched: -4096}', /touched: got -4096, accepted: .*, a multiple of 4KiB$/],
    ['- {phase: flip, size: 2 potatoes}', /size: got "2 potatoes", accepted: bytes or a size/],
    ['- {phase: flip, size: -4096}', /size: got -4096, accepted: bytes/],
    ['- {phase: flip, size: .inf}', /size: got Infinity, accepted/],
    [
      '- {phase: flip, content: zeros}',
      /content: got "zeros", did you mean "zero"\?, accepted: unspecified, zero, preserve$/,
    ],
    ['- {phase: swiotlb, share: 120%}', /share: got "120%", accepted: a share such as 6% or 0\.06/],
    ['- {phase: passthrough, pinned: yes please}', /pinned: got "yes please", accepted: true or false$/],
    ['- {phase: idle, seconds: -1}', /seconds: got -1, accepted: seconds, 0 to 1000000$/],
    ['- {phase: hungry}', /^x\.yaml:5:3: phases\[0\]\.size: missing, accepted: bytes or a size/],
    [
      '- {phase: flip, at: 0x8000000000000001}',
      /^x\.yaml:5:21: phases\[0\]\.at: 9223372036854775809 is no quantity here, accepted: whole numbers up to 2\^53 - 1$/,
    ],
    ['- {phase: flip, at: "0x8000000000000001"}', /at: got "0x8000000000000001", accepted: a guest-physical address/],
    ['- {phase: flip, guest: bob}', /^x\.yaml:5:24: phases\[0\]\.guest: no guest bob, accepted: guest$/],
    [
      '- {phase: flip, size: 2GiB}',
      /^x\.yaml:5:23: phases\[0\]\.size: 2048 MiB find no place at high \(the guest has 1024 MiB of RAM\)/,
    ],
    ['- {phase: flip, at: 2GiB}', /^x\.yaml:5:21: phases\[0\]\.at: \[0x80000000, 0x80010000\) is not all RAM/],
    [
      '- {phase: flip, at: 64MiB}\n- {phase: flip, at: 64MiB}',
      /^x\.yaml:6:21: phases\[1\]\.at: .* overlaps what another phase uses, accepted: free RAM$/,
    ],
    [
      '- {phase: dma-buffers, blocks: 5, returned: 6}',
      /^x\.yaml:5:45: phases\[0\]\.returned: 6 of 5 blocks, accepted: at most all$/,
    ],
    ['- {phase: dma-buffers, buffers: 2}', /buffers: 2 cannot be in 29 blocks/],
    [
      '- {phase: dma-buffers, blocks: 1, returned: 0, buffers: 29}',
      /buffers: 29 are too many, accepted: 28 in 1 blocks/,
    ],
    ['- {phase: dma-buffers, window: 8MiB}', /window: has room for 4 blocks of 2 MiB, 29 are asked for$/],
    ['- {phase: balloon, size: 8MiB, block: 3MiB}', /size: accepted: a multiple of block$/],
    [
      '- {phase: shutdown}\n- {phase: flip}',
      /^x\.yaml:6:11: phases\[1\]\.phase: its guest was shut down before, accepted: phases before shutdown$/,
    ],
    [' []', /phases: has too few entries, accepted: at least 1$/],
  ];
  for (const [text, problem] of cases) {
    const problems = phasesSay(text);
    assert.equal(problems.length, 1, `${text}\n${problems.join('\n')}`);
    assert.match(problems[0] as string, problem);
  }
});

test('of the file as a whole', () => {
  const phases = 'phases: [{phase: flip}]\n';
  const cases: [text: string, problem: RegExp][] = [
    [
      `schema: gmem.scenario/2\nname: x\nmachine: {memory: 1GiB}\n${phases}`,
      /^x\.yaml:1:9: schema: got "gmem\.scenario\/2", did you mean "gmem\.scenario\/1"\?, accepted: gmem\.scenario\/1$/,
    ],
    [`schema: gmem.scenario/1\nmachine: {memory: 1GiB}\n${phases}`, /^x\.yaml:1:1: name: missing, accepted: text$/],
    [
      `schema: gmem.scenario/1\nname: x\nmachine: {memory: 1000000}\n${phases}`,
      /machine\.memory: got 1000000, accepted: .* a multiple of 2MiB, at least 64MiB$/,
    ],
    [
      `schema: gmem.scenario/1\nname: x\nmachine: {memory: 1GiB, arch: snq}\n${phases}`,
      /machine\.arch: got "snq", did you mean "snp"\?, accepted: none, snp, tdx, pkvm$/,
    ],
    [
      `${HEAD}- {phase: flip}\nguests: [{name: a}, {name: a}]\n`,
      /^x\.yaml:6:28: guests\[1\]\.name: there is a guest a already/,
    ],
    [
      `${HEAD}- {phase: flip}\nguests: [{name: a, flags: [mmapp]}]\n`,
      /guests\[0\]\.flags\[0\]: got "mmapp", did you mean "mmap"\?, accepted: mmap, init-shared$/,
    ],
    [
      `${HEAD}- {phase: flip}\nguests: [{name: a}, {name: b}]\nrounds: 600\n`,
      /^x\.yaml:7:9: rounds: 600 rounds of 2 guests are too many VMs, accepted: 1023 in all$/,
    ],
    [
      `${HEAD}- {phase: flip}\npolicies: [rfc-thb]\n`,
      /policies\[0\]: got "rfc-thb", accepted: a preset \(.*rfc-thp.*\), or name, base and knobs$/,
    ],
    [
      `${HEAD}- {phase: flip}\npolicies: [{name: a, knobs: {punch: hard}}]\n`,
      /policies\[0\]\.knobs\.punch: got "hard", accepted: split, zero, keep, refuse$/,
    ],
    [
      `${HEAD}- {phase: flip}\npolicies: [{name: a, knobs: {fallbck: true}}]\n`,
      /^x\.yaml:6:30: policies\[0\]\.knobs\.fallbck: unknown key, did you mean "fallback"\?/,
    ],
    [`${HEAD}- {phase: flip}\nname: y\n`, /^x\.yaml:6:1: YAML: Map keys must be unique/],
    [`${HEAD}- {phase: flip\n`, /^x\.yaml:6:1: YAML: /],
    [`schema: gmem.scenario/1\na: &a [*a]\n`, /^x\.yaml:2:\d+: a: is nested too deeply$/],
    [`schema: gmem.scenario/1\na: ${'['.repeat(100_000)}\n`, /^x\.yaml:\d+:\d+: YAML: /],
    [`schema: gmem.scenario/1\na: ${'['.repeat(100)}${']'.repeat(100)}\n`, /^x\.yaml:2:\d+: a: is nested too deeply$/],
    [
      'schema: gmem.scenario/1\na: *b\n',
      /^x\.yaml:2:4: YAML: no anchor &b above \*b, accepted: an alias of one above it$/,
    ],
    [
      'schema: gmem.scenario/1\nname: &a x\nmachine: {memory: *b}\n',
      /^x\.yaml:3:19: YAML: no anchor &b above \*b, accepted: an alias of one above it$/,
    ],
    [
      'schema: gmem.scenario/1\nname: x\n---\nname: y\n',
      /^x\.yaml:\d:1: YAML: a second document begins here, accepted: one document a file$/,
    ],
    ['', /^x\.yaml:1:1: scenario: got null, accepted: a mapping of keys$/],
  ];
  for (const [text, problem] of cases) {
    const problems = fileSays(text);
    assert.ok(
      problems.some((line) => problem.test(line)),
      `${text}\n${problems.join('\n')}`,
    );
  }
});

test('every problem of a file at once, in the order they stand there', () => {
  const problems = phasesSay('- {phase: flip, tims: 3, size: 1}\n- {phase: flop}\n- {phase: idle, seconds: x}\n');
  assert.deepEqual(
    problems.map((line) => line.split(' ').slice(0, 2).join(' ')),
    [
      'x.yaml:5:17: phases[0].tims:',
      'x.yaml:5:32: phases[0].size:',
      'x.yaml:6:11: phases[1].phase:',
      'x.yaml:7:26: phases[2].seconds:',
    ],
  );
});

test('sizes and addresses as numbers, hexadecimal and text are the same', () => {
  const at = (size: string, where: string): unknown[] => {
    const scenario = scenarioFrom(`${HEAD}- {phase: flip, times: 1, size: ${size}, at: ${where}}`, 'x.yaml');
    const { address, size: bytes } = opsOf(scenario).find(({ op }) => op === 'convert') as {
      address: number;
      size: number;
    };
    return [bytes, address];
  };
  for (const [size, where] of [
    ['65536', '134217728'],
    ['0x10000', '0x8000000'],
    ['64KiB', '128MiB'],
    ['"64 k"', '"0x8000000"'],
    ['0.0625MiB', '0.125GiB'],
  ] as const) {
    assert.deepEqual(at(size, where), [65_536, 134_217_728]);
  }
});

test('settings replace and add keys, and a wrong one is said with the setting', () => {
  const count = (...set: string[]): number =>
    countsOf(opsOf(scenarioFrom(`${HEAD}- {phase: flip, times: 5}`, 'x.yaml', { set }))).convert ?? 0;
  assert.equal(count(), 10);
  assert.equal(count('phases[0].times=7'), 14);
  assert.equal(count('phases.0.times=7', 'phases[0].times=8'), 16);
  assert.equal(count('phases[0].size=8KiB', 'phases[0].exit=4KiB'), 20);
  assert.equal(count('rounds=2'), 20);
  const says = (...set: string[]): string =>
    problemsOf(() => scenarioFrom(`${HEAD}- {phase: flip}`, 'x.yaml', { set })).join('\n');
  assert.match(says('phases[0].times=x'), /^setting phases\[0\]\.times: got "x", accepted: a whole number/);
  assert.match(
    says('phases[0].tims=1'),
    /^setting phases\[0\]\.tims: unknown key, did you mean "times"\?, accepted: .*\btimes\b/,
  );
  assert.match(
    says('phases[0]={phase: flip, times: x}'),
    /^setting phases\[0\]: phases\[0\]\.times: got "x", accepted/,
  );
  assert.match(
    says('phases[3].times=1'),
    /^setting phases\[3\]\.times: there is no such place in the scenario, accepted in phases: \[0\]$/,
  );
  assert.match(says('phases[-1].times=1'), /there is no such place in the scenario, accepted in phases: \[0\]$/);
  assert.match(says('machin.memory=1GiB'), /^setting machin\.memory: .*, accepted in the scenario: schema, .*machine/);
  assert.match(says('machine.memory.x=1'), /there is no such place/);
  assert.match(says('times'), /^setting times: got "times", accepted: key\.path=value/);
  assert.match(says('=1'), /accepted: key\.path=value/);
  assert.match(says('phases[0].times=[1'), /^setting phases\[0\]\.times: "\[1" is no YAML/);
  assert.match(says('rounds=*a'), /^setting rounds: "\*a" is no YAML/);
  // What is wrong with the file is still said with its place, behind what is wrong with the setting.
  assert.match(
    problemsOf(() => scenarioFrom(`${HEAD}- {phase: flop}`, 'x.yaml', { set: ['hostt=1'] })).join('\n'),
    /^setting hostt: unknown key.*\nx\.yaml:5:11: phases\[0\]\.phase: unknown "flop"/,
  );
  assert.match(says('__proto__.x=1'), /there is no such place/);
});

test('policies: presets, and knobs on a preset', () => {
  const text = `${HEAD}- {phase: flip}\npolicies: [rfc-thp, {name: mine, base: rfc-thp, knobs: {fallback: false}}]\n`;
  assert.deepEqual(scenarioFrom(text, 'x.yaml').policies, [
    'rfc-thp',
    { name: 'mine', base: 'rfc-thp', knobs: { fallback: false } },
  ]);
  assert.equal(scenarioOf([{ phase: 'flip' }]).policies, undefined);
});

test('a key path that is not there is never made up', async () => {
  await assert.rejects(openInput('/nonexistent/x.yaml', { settings: ['a=1'] }), /cannot be read/);
  assert.throws(
    () => bundled('snp-boot-16g.yaml', 'machine.memory=4GiB'),
    /phases\[6\]\.window: has room for 0 blocks/,
  );
});

test('rubbish is taken or refused, and never breaks', () => {
  const keys = fc.constantFrom('phase', 'size', 'at', 'guest', 'blocks', 'ranges', 'memory', 'toString', '__proto__');
  const value: fc.Arbitrary<unknown> = fc.oneof(
    fc.constantFrom('flip', 'boot', 'dma-buffers', '4KiB', '1e99', -0, 2 ** 60, null, true, '', '%', '{{', '*a'),
    fc.integer(),
    fc.double(),
  );
  const tree = fc.object({ key: keys, maxDepth: 2, values: [value as fc.Arbitrary<string>] });
  fc.assert(
    fc.property(fc.array(tree, { maxLength: 4 }), tree, (phases, machine) => {
      const text = JSON.stringify({
        schema: 'gmem.scenario/1',
        name: 'x',
        machine: { memory: '1GiB', ...machine },
        phases,
      });
      takesOrRefuses(() => scenarioFrom(text, 'x.yaml'));
      takesOrRefuses(() => scenarioFrom(text.slice(0, text.length - 3), 'x.yaml'));
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (noise) => {
      takesOrRefuses(() => scenarioFrom(`schema: gmem.scenario/1\n${noise}`, 'x.yaml'));
    }),
    { numRuns: 300 },
  );
});
