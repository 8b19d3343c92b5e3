/**
 * The package as others get it: packed, installed in another folder with npm ci, imported, run as a command, and built
 * from its sources where its binary does not load.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'gmem-engine';

/** The environment without what the npm that runs this test put there. */
const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(npm_|GMEM_|NODE_ENV$)/i.test(key)));

function run(cwd: string, command: string, ...args: string[]) {
  const result = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 26 });
  assert.equal(result.status, 0, `${command} ${args.join(' ')}\n${result.stdout}\n${result.stderr}`);
  return result;
}

interface LockEntry {
  dev?: boolean;
  [key: string]: unknown;
}

/** A lock file of a project that depends on the tarball alone, with the versions this checkout has installed. */
function consumerLock(tarball: string, integrity: string): object {
  const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8'));
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const packages: Record<string, LockEntry> = lock.packages;
  const { version, dependencies, bin, engines, os } = manifest;
  const runtime = Object.entries(packages).filter(([name, entry]) => name !== '' && !entry.dev);
  const own = { version, resolved: `file:${tarball}`, integrity, dependencies, bin, engines, os };
  return {
    name: 'consumer',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: 'consumer', dependencies: { [NAME]: `file:${tarball}` } },
      [`node_modules/${NAME}`]: own,
      ...Object.fromEntries(runtime),
    },
  };
}

const PROGRAM = `
import { createEngine, expectOk } from '${NAME}';
for (const engine of ['native', 'reference']) {
  const host = createEngine({ policy: 'rfc-thp', arch: 'snp', memory: '64MiB', engine });
  const gmem = host.vm().createGmem({ size: '4MiB' });
  expectOk(host.vm().bind({ slot: 0, gpa: 0, size: '4MiB', gmem }));
  const { level } = expectOk(host.vm().fault({ gpa: 0, access: 'private' }));
  console.log(host.kind, level, host.verify().length);
  host.close();
}
`;
const PRINTED = 'native 2M 0\nreference 2M 0\n';

const scratch = mkdtempSync(path.join(tmpdir(), 'gmem pack é '));
const consumer = path.join(scratch, 'consumer');
const installed = path.join(consumer, 'node_modules', NAME);
let packed: string[] = [];

before(() => {
  mkdirSync(consumer);
  const { stdout } = run(ROOT, 'npm', 'pack', '--json', '--pack-destination', scratch);
  const [info] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  packed = info.files.map((file: { path: string }) => file.path);
  const tarball = `../${info.filename}`;
  const manifest = { name: 'consumer', private: true, type: 'module', dependencies: { [NAME]: `file:${tarball}` } };
  writeFileSync(path.join(consumer, 'package.json'), JSON.stringify(manifest));
  writeFileSync(path.join(consumer, 'package-lock.json'), JSON.stringify(consumerLock(tarball, info.integrity)));
  writeFileSync(path.join(consumer, 'program.js'), PROGRAM);
  run(consumer, 'npm', 'ci', '--prefer-offline', '--no-audit', '--no-fund');
});

after(() => rmSync(scratch, { recursive: true, force: true }));

test('the tarball holds what is needed and nothing else', () => {
  for (const file of [
    'package.json',
    'README.md',
    'LICENSE',
    'CMakeLists.txt',
    'dist/lib/index.js',
    'dist/lib/index.d.ts',
    'dist/lib/cli/main.js',
    'build/Release/gmem.node',
    'native/core/engine.cc',
    'tools/build-native.mjs',
    'docs/api.md',
    'docs/semantics.md',
    'traces/boot2g.jsonl.gz',
  ]) {
    assert.ok(packed.includes(file), `${file} is missing`);
  }
  const strays = packed.filter((file) =>
    /\.map$|^test\/|^dist\/test\/|^native\/test\/|binding\.gyp|stamp|\.tgz$/.test(file),
  );
  assert.deepEqual(strays, []);
  const stale = packed.filter(
    (file) =>
      file.startsWith('dist/lib/') && !existsSync(path.join(ROOT, file.slice(5).replace(/(\.d\.ts|\.js)$/, '.ts'))),
  );
  assert.deepEqual(stale, []);
});

test('imported from another folder, both engines run, and nothing is built', () => {
  const { stdout, stderr } = run(consumer, process.execPath, 'program.js');
  assert.equal(stdout, PRINTED);
  assert.equal(stderr, '');
});

test('npx gmem runs the command', () => {
  const { stdout } = run(
    consumer,
    'npx',
    '--no',
    'gmem',
    'compare',
    path.join(installed, 'traces/boot2g.jsonl.gz'),
    '--format',
    'json',
    '-o',
    '-',
  );
  const document = JSON.parse(stdout);
  assert.equal(document.schema, 'gmem.compare/1');
  assert.ok(document.results.length > 1);
});

test('where the binary does not load, the first use builds it, says so in one line, and the next does not', () => {
  writeFileSync(path.join(installed, 'build/Release/gmem.node'), 'built for another machine');
  const first = run(consumer, process.execPath, 'program.js');
  assert.equal(first.stdout, PRINTED);
  assert.match(first.stderr, /^gmem: building the native engine in .*, once\n$/);
  const second = run(consumer, process.execPath, 'program.js');
  assert.equal(second.stdout, PRINTED);
  assert.equal(second.stderr, '');
});
