/** The documents of scenarios hold. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { scenarioJsonSchema } from '../../lib/workload/describe.js';
import { PHASES } from '../../lib/workload/phases.js';
import { scenarioFrom } from '../../lib/workload/scenario.js';
import { problemsOf } from '../support/input-error.js';
import { BUNDLED, countsOf, opsOf, ROOT } from './support.js';

const page = readFileSync(path.join(ROOT, 'docs/scenarios.md'), 'utf8');

test('the JSON Schema and the tables are what lib/workload/schema.ts says', () => {
  const check = spawnSync(process.execPath, [path.join(ROOT, 'tools/scenario-doc.mjs')], { encoding: 'utf8' });
  assert.equal(check.stderr, '');
  assert.equal(check.status, 0);
});

test('every key has a meaning, and every phase its section', () => {
  const walk = (schema: Record<string, unknown>, at: string): void => {
    for (const [name, key] of Object.entries((schema.properties ?? {}) as Record<string, Record<string, unknown>>)) {
      if (!at.endsWith('.knobs')) assert.equal(typeof key.description, 'string', `${at}.${name}`);
      walk(key, `${at}.${name}`);
      walk((key.items ?? {}) as Record<string, unknown>, `${at}.${name}[]`);
    }
    for (const one of (schema.oneOf ?? schema.anyOf ?? []) as Record<string, unknown>[]) walk(one, at);
  };
  walk(scenarioJsonSchema() as Record<string, unknown>, '');
  for (const { name } of PHASES) assert.ok(page.includes(`### Phase \`${name}\``), name);
});

test('the worked example is what the page says of it', () => {
  const yaml = /^```yaml\n(.*?)^```$/ms.exec(page)?.[1] as string;
  const scenario = scenarioFrom(yaml, 'docs/scenarios.md');
  const ops = opsOf(scenario).filter(({ vm }) => vm === 0);
  const swiotlb = ops.filter(({ source }) => source === 'swiotlb');
  assert.equal(swiotlb.length, 519);
  assert.equal(
    swiotlb.reduce((sum, { size }) => sum + size, 0),
    512 * 2 ** 20,
  );
  assert.equal(ops.filter(({ source }) => source === 'dma_alloc').length, 100);
  assert.equal(countsOf(opsOf(scenario)).create, 2);
  assert.equal(scenario.policies?.length, 3);
});

test('the errors shown are those one gets', () => {
  const text = [
    'schema: gmem.scenario/1',
    'name: x',
    'machine:',
    '  arch: snq',
    '  memory: 1GiB',
    'phases:',
    '  - phase: boot',
    '  - phase: dma-buffers',
    '    block: 3',
  ].join('\n');
  const shown = [...page.matchAll(/^ {4}my\.yaml:\d+:\d+: (.*)$/gm)].map((match) =>
    (match[1] as string).replace(/…$/, ''),
  );
  const got = problemsOf(() => scenarioFrom(text, 'my.yaml')).map((line) => line.replace(/^my\.yaml:\d+:\d+: /, ''));
  assert.equal(shown.length, 2);
  for (const [i, line] of shown.entries()) assert.ok((got[i] as string).startsWith(line), `${got[i]}\n${line}`);
});

test('every scenario that comes with the package is on the page', () => {
  const listed = [...page.matchAll(/^\| `([\w-]+\.yaml)` \|/gm)].map((match) => match[1]).sort();
  assert.deepEqual(listed, BUNDLED);
});
