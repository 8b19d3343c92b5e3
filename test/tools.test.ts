/**
 * The build tools: what they say when something is missing, and that two of them never build at once.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const tool = (name: string) => pathToFileURL(path.join(ROOT, 'tools', name)).href;
const scratch = mkdtempSync(path.join(tmpdir(), 'gmem-tools-'));

after(() => rmSync(scratch, { recursive: true }));

test('what the system lacks is one line that says what to install', () => {
  const code = `import { requireTools } from '${tool('build-native.mjs')}'; requireTools();`;
  const lacking = (names: string[]) => {
    const folder = mkdtempSync(path.join(scratch, 'path-'));
    for (const name of ['cmake', 'g++', 'make'].filter((one) => !names.includes(one))) {
      writeFileSync(path.join(folder, name), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    }
    const env = { ...process.env, PATH: folder, CXX: undefined };
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { env, encoding: 'utf8' });
    return [child.status, child.stdout, child.stderr];
  };
  assert.deepEqual(lacking([]), [0, '', '']);
  assert.deepEqual(lacking(['cmake']), [1, '', 'cmake not found: apt install cmake g++ make\n']);
  assert.deepEqual(lacking(['g++', 'make']), [1, '', 'g++, make not found: apt install cmake g++ make\n']);
});

test('a lock is held by one process at a time, and everyone gets it', async () => {
  const lock = path.join(scratch, 'deep', 'lock');
  const log = path.join(scratch, 'log');
  const code = `
    import { appendFileSync } from 'node:fs';
    import { withLock } from '${tool('build-lock.mjs')}';
    withLock(${JSON.stringify(lock)}, () => {
      appendFileSync(${JSON.stringify(log)}, 'in ' + process.pid + '\\n');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
      appendFileSync(${JSON.stringify(log)}, 'out ' + process.pid + '\\n');
    });`;
  const children = Array.from({ length: 5 }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'inherit' }),
  );
  const codes = await Promise.all(children.map((child) => new Promise((resolve) => child.on('exit', resolve))));
  assert.deepEqual(codes, [0, 0, 0, 0, 0]);
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  assert.equal(lines.length, 10);
  for (let i = 0; i < lines.length; i += 2) {
    assert.equal(lines[i + 1], (lines[i] as string).replace('in', 'out'));
  }
  assert.equal(existsSync(lock), false);
});

test('the lock of a process that is gone is taken over, also where its pid is another process by now', () => {
  const lock = path.join(scratch, 'left-behind');
  const gone = spawnSync(process.execPath, ['--eval', '']).pid;
  const code = `
    import { withLock } from '${tool('build-lock.mjs')}';
    console.log(withLock(${JSON.stringify(lock)}, () => 'mine', () => console.log('waited')));`;
  for (const owner of [`${gone} 1234`, `${process.pid} 1`, String(process.pid), '']) {
    writeFileSync(lock, owner);
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(child.stdout, 'mine\n', `lock of ${JSON.stringify(owner)}`);
    assert.equal(existsSync(lock), false);
  }
});

test('the CMake folder of a checkout that was moved is forgotten, any other is kept', () => {
  const folder = mkdtempSync(path.join(scratch, 'cmake é '));
  const link = path.join(scratch, 'link');
  symlinkSync(folder, link);
  const kept = (asked: string, cache: string | undefined) => {
    mkdirSync(folder, { recursive: true });
    if (cache !== undefined) writeFileSync(path.join(folder, 'CMakeCache.txt'), cache);
    const code = `import { forgetMoved } from '${tool('build-native.mjs')}'; forgetMoved(${JSON.stringify(asked)});`;
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
    assert.equal(child.stderr, '');
    return existsSync(folder);
  };
  const cache = (place: string) => `# This is the CMakeCache file.\nCMAKE_CACHEFILE_DIR:INTERNAL=${place}\nX:BOOL=ON\n`;
  assert.equal(kept(folder, undefined), true);
  assert.equal(kept(folder, cache(folder)), true);
  assert.equal(kept(link, cache(folder)), true);
  assert.equal(kept(folder, cache('/home/before/gmem-engine/build/cmake-Release')), false);
  assert.equal(kept(folder, 'cut short'), false);
});

test('a step that ends well and makes nothing is told, and done again the next time', () => {
  const stamp = path.relative(ROOT, path.join(scratch, 'stamp'));
  const made = path.relative(ROOT, path.join(scratch, 'made'));
  const code = `import { step } from '${tool('steps.mjs')}'; step(${JSON.stringify(stamp)}, 'print', [${JSON.stringify(made)}], () => {});`;
  for (let i = 0; i < 2; i += 1) {
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
    assert.deepEqual([child.status, child.stderr], [1, `${made} not made\n`]);
  }
  assert.equal(existsSync(path.join(scratch, 'stamp')), false);
});
