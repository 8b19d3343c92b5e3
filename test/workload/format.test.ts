/** A scenario is told from an op stream, however its YAML is written. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { TRACE_FORMATS } from '../../lib/trace/formats.js';
import { file, gmem, scratch } from '../cli/gmem.js';
import { BUNDLED, ROOT } from './support.js';

/** The format that is seen at the begin of a text. */
const formatOf = (text: string): string | undefined =>
  TRACE_FORMATS.find(({ sniff }) => sniff(Buffer.from(text).toString('latin1')) === 0)?.name;

const SMALL = { name: 'x', machine: { memory: '256MiB' }, phases: [{ phase: 'flip', times: 3 }] };
const WHOLE = { schema: 'gmem.scenario/1', ...SMALL };

test('in braces: by its keys, in any order and on any number of lines', () => {
  for (const text of [
    JSON.stringify(WHOLE),
    JSON.stringify({ ...SMALL, schema: 'gmem.scenario/9' }),
    JSON.stringify(WHOLE, null, 2),
    `\ufeff\n  ${JSON.stringify(WHOLE)}\n\n`,
    `# in one line\n${JSON.stringify(WHOLE)} # so\n`,
    '{schema: gmem.scenario/1, name: x}',
    `{'phases': [{op: 1}], name: "a \\" b, op: c"}`,
    JSON.stringify({ name: 'op', description: '"op": ', guests: [] }),
    `${JSON.stringify({ phases: [{ phase: 'x'.repeat(10_000) }] }).slice(0, 4096)}`,
  ]) {
    assert.equal(formatOf(text), 'scenario', text.slice(0, 100));
  }
});

test('an op stream stays one, with its mistakes', () => {
  for (const text of [
    '{"op":"touch","gpa":0}',
    '{"gpa":0}',
    '{"phases":[],"op":"touch"}',
    '{"phases":[]}\n{"op":"touch","gpa":0}',
    '{"schema":"gmem.compare/1","phases":[]}',
    '{"note":{"schema":"gmem.scenario/1","phases":[]}}',
    '{',
    '{}',
    '{"',
  ]) {
    assert.equal(formatOf(text), 'jsonl', text);
  }
});

test('every scenario that comes with the package, written as JSON', () => {
  for (const name of BUNDLED) {
    const value: unknown = parse(readFileSync(path.join(ROOT, 'scenarios', name), 'utf8'));
    assert.equal(formatOf(JSON.stringify(value)), 'scenario', name);
  }
});

test('check and run take one line of JSON; without its schema that is what is missing', (t) => {
  const folder = scratch(t);
  const { code, stdout, stderr } = gmem(['check', file(folder, 'x.json', [JSON.stringify(WHOLE)])]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /format +scenario: .*\n +ops +14 /);
  const without = gmem(['check', file(folder, 'y.json', [JSON.stringify(SMALL)])]);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /y\.json:1:1: schema: .*accepted: gmem\.scenario\/1\n$/);
});

test('property: rubbish in braces never breaks', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    "'",
    '\\',
    '#',
    '\n',
    ' ',
    'op',
    'phases',
    'é',
    '\0',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      formatOf(`{${parts.join('')}`);
    }),
    { numRuns: 2000 },
  );
  assert.equal(formatOf(`{"${'\\'.repeat(5_000_000)}`), 'jsonl');
  assert.equal(formatOf(`${' '.repeat(5_000_000)}{}`), 'jsonl');
});
