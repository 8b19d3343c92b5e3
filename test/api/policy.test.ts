/**
 * Policies of one's own, and their names: a preset's name is that preset's, and no two rows of a comparison have the same.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { compare, createEngine, OpStream, type PolicyInput, PRESETS, resolvePolicy } from '../../lib/index.js';

const refused = (message: RegExp) => ({ name: 'GmemError', code: 'ERR_GMEM_POLICY', message });
const input = { stream: new OpStream(), path: 'x', format: 'jsonl', fitted: false };

test('a preset is not to be had by its name with other knobs', () => {
  const other = refused(/^policy rfc-thp: rfc-thp is the name of a preset of other knobs, accepted: another name$/);
  assert.throws(() => resolvePolicy({ name: 'rfc-thp', knobs: {} }), other);
  assert.throws(() => resolvePolicy({ name: 'rfc-thp', base: 'rfc-thp', knobs: { fallback: false } }), other);
  assert.throws(
    () => createEngine({ policy: { name: 'rfc-thp', knobs: {} }, memory: '4MiB', engine: 'reference' }),
    other,
  );
  assert.throws(
    () => resolvePolicy({ name: '', knobs: {} }),
    refused(/^policy: name: "" is not accepted, accepted: a name$/),
  );
});

test('what was resolved is resolved to the same', () => {
  const preset = resolvePolicy('rfc-thp');
  assert.deepEqual(resolvePolicy(preset), preset);
  assert.deepEqual(resolvePolicy({ name: 'rfc-thp', base: 'rfc-thp', knobs: {} }).knobs, PRESETS['rfc-thp'].knobs);
  const own = resolvePolicy({ name: 'mine', base: 'rfc-thp', knobs: { fallback: false } });
  assert.deepEqual(resolvePolicy(own), own);
});

test('no two rows have one name', async () => {
  const run = (...policies: PolicyInput[]) => compare(input, { engine: 'reference', policies });
  await assert.rejects(run({ name: 'rfc-thp', knobs: {} }, 'rfc-thp'), refused(/name of a preset of other knobs/));
  await assert.rejects(
    run('rfc-thp', 'rfc-thp'),
    refused(/^there is a policy rfc-thp already, accepted: each preset once$/),
  );
  const mine: PolicyInput = { name: 'mine', base: 'rfc-thp', knobs: {} };
  await assert.rejects(run(mine, mine), refused(/^there is a policy mine already, accepted: another name$/));
  const document = await run(mine, 'rfc-thp');
  assert.deepEqual(
    document.results.map(({ policy }) => policy),
    ['mine', 'rfc-thp'],
  );
});
