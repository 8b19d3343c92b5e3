/**
 * The documents hold: what is generated is current, what is shown runs.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
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

test('docs/performance.md and its plot are what docs/performance.json says', () => {
  const check = spawnSync(process.execPath, [`${ROOT}tools/performance-doc.mjs`], { encoding: 'utf8' });
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

test('every document and file that a document or a source names is there', () => {
  const texts = ['lib', 'native', 'tools', 'test', 'docs'].flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
  );
  const broken: string[] = [];
  let named = 0;
  const check = (from: string, target: string, folder: string) => {
    named += 1;
    if (!existsSync(path.join(ROOT, folder, target))) broken.push(`${from}: ${target}`);
  };
  for (const file of ['README.md', ...texts.filter((name) => /\.(?:ts|mjs|cc|h|md)$/.test(name))]) {
    const text = read(file);
    for (const [target] of text.matchAll(/\bdocs\/[\w-]+\.md\b/g)) check(file, target, '.');
    if (!file.endsWith('.md')) continue;
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)/g))
      check(file, target as string, path.dirname(file));
  }
  assert.ok(named > 50, `${named} names found`);
  assert.deepEqual(broken, []);
});

test('the README lists every verb of the command', () => {
  const help = spawnSync(process.execPath, [`${ROOT}dist/lib/cli/main.js`, '--help'], { encoding: 'utf8' }).stdout;
  const verbs = [...help.slice(help.indexOf('Commands:')).matchAll(/^ {2}([a-z]+) /gm)].map(
    (match) => match[1] as string,
  );
  assert.ok(verbs.includes('compare'));
  const listed = new Set([...read('README.md').matchAll(/^ {4}gmem ([a-z]+)/gm)].map((match) => match[1] as string));
  assert.deepEqual(
    verbs.filter((verb) => verb !== 'help' && !listed.has(verb)),
    [],
  );
});
