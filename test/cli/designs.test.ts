/** A design that a scenario defines is named on the command line like a preset. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { isRun, type ResultsDocument } from '../../lib/compare/results.js';
import { gmem, scratch, TRACE } from './gmem.js';

const SCENARIO = `schema: gmem.scenario/1
name: own-design
machine: {memory: 64MiB, arch: snp}
policies:
  - rfc-thp
  - {name: thp-no-fallback, base: rfc-thp, knobs: {fallback: false}}
phases:
  - phase: boot
    touched: 8MiB
`;

function scenario(t: TestContext): string {
  const file = path.join(scratch(t), 'own.yaml');
  writeFileSync(file, SCENARIO);
  return file;
}

function rows(...args: string[]): { policy: string; fallback: unknown }[] {
  const { code, stdout, stderr } = gmem([...args, '--format', 'json', '--quiet']);
  assert.equal(code, 0, stderr);
  const { results } = JSON.parse(stdout) as ResultsDocument;
  return results.filter(isRun).map(({ policy, knobs }) => ({ policy, fallback: knobs.fallback }));
}

const OWN = { policy: 'thp-no-fallback', fallback: false };

test('run, compare and replay take the design by its name, beside presets the scenario does not name', (t) => {
  const file = scenario(t);
  assert.deepEqual(rows('run', file, '--policies', 'thp-no-fallback'), [OWN]);
  assert.deepEqual(rows('replay', file, '--policy', 'thp-no-fallback', '--verify'), [OWN]);
  const names = rows('compare', file, '--policies', 'mainline-6.18,thp-no-fallback');
  assert.deepEqual(
    names.map(({ policy }) => policy),
    ['mainline-6.18', 'thp-no-fallback'],
  );
  assert.deepEqual(names[1], OWN);
});

test('a name that neither a preset nor the scenario has is told with both, before anything is written', (t) => {
  const file = scenario(t);
  const { code, stdout, stderr } = gmem(['run', file, '--policies', 'thp-no-falback']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    /--policies: unknown "thp-no-falback", did you mean "thp-no-fallback"\? Accepted: .*, thp-no-fallback$/m,
  );
  const other = gmem(['replay', TRACE, '--policy', 'thp-no-fallback']);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /--policy: unknown "thp-no-fallback"/);
});
