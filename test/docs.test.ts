/**
 * The documents hold: what is generated is current, what is shown runs.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import * as api from '../lib/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(`${ROOT}${file}`, 'utf8');

/** The fenced blocks of a language in a document. */
function blocks(document: string, language: string): string[] {
  return [...read(document).matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] as string);
}

/** Runs a module from the package's folder, where `gmem-engine` is the package itself. */
function runModule(code: string) {
  return spawnSync(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT, encoding: 'utf8' });
}

test('docs/counters.md is what lib/spec/counters.ts says', () => {
  const check = spawnSync(process.execPath, [`${ROOT}tools/counters-doc.mjs`], { encoding: 'utf8' });
  assert.equal(check.stderr, '');
  assert.equal(check.status, 0);
});

test('the README example runs and prints what the README says', () => {
  const [code] = blocks('README.md', 'js');
  const [printed] = blocks('README.md', 'text');
  const example = runModule(code as string);
  assert.equal(example.stderr, '');
  assert.equal(example.stdout, printed);
});

test('every example of docs/api.md runs', () => {
  const examples = blocks('docs/api.md', 'js');
  assert.ok(examples.length > 0);
  for (const code of examples) {
    const example = runModule(code);
    assert.equal(example.status, 0, `${code}\n${example.stderr}`);
  }
});

test('docs/api.md names every export that is a value, and every method', () => {
  const text = read('docs/api.md');
  const names = Object.keys(api);
  for (const type of [api.Engine, api.Vm, api.Gmem, api.PageView]) {
    for (const name of Object.getOwnPropertyNames(type.prototype)) if (name !== 'constructor') names.push(name);
  }
  assert.deepEqual(
    names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)),
    [],
  );
});
