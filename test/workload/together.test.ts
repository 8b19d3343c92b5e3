/** What does not fit together in a scenario: said once, beside what no key accepts, and with what is in the file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarioFrom } from '../../lib/workload/scenario.js';
import { problemsOf } from '../support/input-error.js';

const HEAD = 'schema: gmem.scenario/1\nname: x\nmachine: {memory: 8GiB}\n';
const TWO = `${HEAD}guests: [{name: a}, {name: b}]\nphases:\n`;

const says = (text: string): readonly string[] => problemsOf(() => scenarioFrom(text, 'x.yaml'));
/** Of a file whose phases begin at line 5. */
const phasesSay = (text: string): readonly string[] => says(`${HEAD}phases:\n${text}`);

/** Exactly these problems, in this order. */
function are(problems: readonly string[], ...expected: readonly RegExp[]): void {
  assert.equal(problems.length, expected.length, problems.join('\n'));
  for (const [i, problem] of expected.entries()) assert.match(problems[i] as string, problem);
}

test('populate comes before any other phase of its guest, for every guest by itself', () => {
  are(
    phasesSay('- {phase: boot}\n- {phase: populate}'),
    /^x\.yaml:6:11: phases\[1\]\.phase: populate comes after boot \(phases\[0\]\), accepted: populate before any other phase of its guest$/,
  );
  are(
    says(`${TWO}- {phase: boot, guest: a}\n- {phase: populate}\n- {phase: idle}\n- {phase: populate, guest: b}`),
    /^x\.yaml:7:11: phases\[1\]\.phase: populate comes after boot \(phases\[0\]\), .* \(guest a\)$/,
    /^x\.yaml:9:11: phases\[3\]\.phase: populate comes after idle \(phases\[2\]\), /,
  );
  // The same positions, and each guest's own order is right.
  scenarioFrom(
    `${TWO}- {phase: populate, guest: a}\n- {phase: boot, guest: a}\n- {phase: populate, guest: b}\n- {phase: boot, guest: b}`,
    'x.yaml',
  );
});

test('a phase that is broken otherwise still has its place', () => {
  are(
    phasesSay('- {phase: boot, step: 3K}\n- {phase: populate}'),
    /^x\.yaml:5:23: phases\[0\]\.step: got "3K"/,
    /^x\.yaml:6:11: phases\[1\]\.phase: populate comes after boot/,
  );
  // Whose phase it is, is not known: the other guest's populate is not blamed.
  are(says(`${TWO}- {phase: boot, gest: a}\n- {phase: populate, guest: b}`), /phases\[0\]\.gest: unknown key/);
});

test('a second populate: what is in the file is named, and only what is', () => {
  are(
    phasesSay('- {phase: populate}\n- {phase: populate}'),
    /^x\.yaml:6:11: phases\[1\]\.phase: populate comes after phases\[0\] ended the launch, accepted: one populate a guest, or finalize: false in phases\[0\]$/,
  );
  are(
    phasesSay('- {phase: populate, finalize: false}\n- {phase: populate}'),
    /^x\.yaml:6:3: phases\[1\]\.ranges: \[0x800000, 0x809000\) overlaps what another phase uses, accepted: free RAM \(by default: the key is not in the file\)$/,
  );
  are(
    phasesSay(
      '- {phase: populate, finalize: false}\n- {phase: populate, ranges: [{at: 1MiB, size: 4K}, {at: 8MiB, size: 4K}]}',
    ),
    /^x\.yaml:6:57: phases\[1\]\.ranges\[1\]\.at: \[0x800000, 0x801000\) overlaps/,
  );
  scenarioFrom(
    `${HEAD}phases: [{phase: populate, finalize: false}, {phase: populate, ranges: [{at: 1MiB, size: 4K}]}]`,
    'x.yaml',
  );
});

test('one problem is one line, whatever the number of areas and of guests', () => {
  are(
    phasesSay('- {phase: passthrough, areas: 100, size: 1GiB}'),
    /^x\.yaml:5:31: phases\[0\]\.areas: 6 of 100 areas of 1 GiB find a place at high \(the guest has 8192 MiB of RAM\), accepted: what is free there$/,
  );
  are(
    phasesSay('- {phase: passthrough, size: 64GiB}'),
    /^x\.yaml:5:30: phases\[0\]\.size: 0 of 4 areas of 64 GiB find a place at high/,
  );
  are(
    says(`${TWO}- {phase: dma-buffers, blocks: 3, returned: 9}\n- {phase: shutdown}\n- {phase: boot}`),
    /^x\.yaml:6:45: phases\[0\]\.returned: 9 of 3 blocks, accepted: at most all$/,
    /^x\.yaml:8:11: phases\[2\]\.phase: its guest was shut down before, accepted: phases before shutdown$/,
  );
});

test('where a phase fails for some of its guests, they are named', () => {
  const guests = ['{name: small, memory: 1GiB}', ...[1, 2, 3, 4, 5].map((i) => `{name: s${i}, memory: 2GiB}`)];
  are(
    says(`${HEAD}guests: [${guests.join(', ')}, {name: big}]\nphases:\n- {phase: flip, size: 3GiB}`),
    /size: 3072 MiB find no place at high \(the guest has 1024 MiB of RAM\), .* \(guest small\)$/,
    /size: 3072 MiB find no place at high \(the guest has 2048 MiB of RAM\), .* \(guest s1, s2, s3 and 2 more\)$/,
  );
});

test('what does not fit together is told beside what no key accepts', () => {
  are(
    says(
      [
        'schema: gmem.scenario/1',
        'machine: {memory: 8GiB, arch: snq}',
        'guests: [{name: a}, {name: a}, {name: b, flags: [mmapp]}]',
        'policies: [rfc-thb, {name: rfc-thp, knobs: {}}]',
        'rounds: 900',
        'phases:',
        '- {phase: flip, tims: 3}',
        '- {phase: flip, guest: bob, size: 5000}',
        '- {phase: flip, guest: b, at: 1GiB}',
        '- {phase: flip, guest: b, at: 1GiB}',
        '- {phase: dma-buffers, blocks: 3, returned: 9}',
        'phasse: []',
      ].join('\n'),
    ),
    /^x\.yaml:1:1: name: missing/,
    /^x\.yaml:2:31: machine\.arch: got "snq"/,
    /^x\.yaml:3:28: guests\[1\]\.name: there is a guest a already/,
    /^x\.yaml:3:50: guests\[2\]\.flags\[0\]: got "mmapp"/,
    /^x\.yaml:4:12: policies\[0\]: got "rfc-thb"/,
    /^x\.yaml:4:28: policies\[1\]\.name: rfc-thp is the name of a preset/,
    /^x\.yaml:5:9: rounds: 900 rounds of 3 guests are too many VMs/,
    /^x\.yaml:7:17: phases\[0\]\.tims: unknown key/,
    /^x\.yaml:8:24: phases\[1\]\.guest: no guest bob, accepted: a, b$/,
    /^x\.yaml:8:35: phases\[1\]\.size: got 5000/,
    /^x\.yaml:10:31: phases\[3\]\.at: .* overlaps what another phase uses/,
    /^x\.yaml:11:45: phases\[4\]\.returned: 9 of 3 blocks/,
    /^x\.yaml:12:1: phasse: unknown key, did you mean "phases"\?/,
  );
});

test('what hangs on something not understood is not made up', () => {
  // Memory that cannot be read: nothing is said of what fits into it.
  are(
    says('schema: gmem.scenario/1\nname: x\nmachine: {memory: lots}\nphases: [{phase: flip, size: 9GiB}]'),
    /^x\.yaml:3:19: machine\.memory: got "lots"/,
  );
  are(
    says(`${HEAD}guests: [{name: a, memry: 16GiB}]\nphases: [{phase: flip, size: 12GiB}]`),
    /guests\[0\]\.memry: unknown key, did you mean "memory"\?/,
  );
  // A guest without a name may be the one that is meant.
  are(
    says(`${HEAD}guests: [{name: a}, {nme: b}]\nphases: [{phase: flip, guest: b}]`),
    /guests\[1\]\.name: missing/,
    /guests\[1\]\.nme: unknown key/,
  );
  are(says(`${HEAD}guests: []\nphases: [{phase: flip, guest: b}]`), /guests: has too few entries/);
});

test('a key given twice is told beside the others, and its last value counts', () => {
  are(
    says(`${HEAD}phases:\n- {phase: flip, tims: 3}\n- {phase: flip, size: 4K, size: 5000}\nname: 7\n`),
    /^x\.yaml:5:17: phases\[0\]\.tims: unknown key/,
    /^x\.yaml:6:27: YAML: Map keys must be unique$/,
    /^x\.yaml:6:33: phases\[1\]\.size: got 5000/,
    /^x\.yaml:7:1: YAML: Map keys must be unique$/,
    /^x\.yaml:7:7: name: got 7, accepted: text$/,
  );
});

test('no two rows of a report are called alike', () => {
  const policies = (list: string): readonly string[] => says(`${HEAD}phases: [{phase: flip}]\npolicies: [${list}]`);
  are(
    policies('rfc-thp, {name: rfc-thp, base: linear-1g, knobs: {}}'),
    /^x\.yaml:5:28: policies\[1\]\.name: rfc-thp is the name of a preset, accepted: another name$/,
  );
  are(policies('{name: linear-1g, knobs: {}}'), /policies\[0\]\.name: linear-1g is the name of a preset/);
  are(
    policies('{name: a, knobs: {}}, {name: a, base: rfc-thp, knobs: {}}'),
    /^x\.yaml:5:41: policies\[1\]\.name: there is a policy a already, accepted: another name$/,
  );
  are(
    policies('rfc-thp, rfc-thp'),
    /^x\.yaml:5:21: policies\[1\]: there is a policy rfc-thp already, accepted: each preset once$/,
  );
});
