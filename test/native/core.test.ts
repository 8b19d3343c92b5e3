/**
 * The C++ units of native/core, tested where they are written: native/test is one program, and its verdict is this test.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../build/Release/gmem_core_tests', import.meta.url));

test('gmem_core_tests passes', () => {
  assert.ok(existsSync(PROGRAM), `${PROGRAM} is missing: npm run build`);
  const { status, signal, stdout, stderr } = spawnSync(PROGRAM, [], { encoding: 'utf8' });
  const said = `${stdout}${stderr}`;
  assert.equal(signal, null, said);
  assert.match(stdout, /^seed \d+\n/, said);
  const verdict = /^(\d+) passed, (\d+) failed\n$/m.exec(stdout);
  assert.ok(verdict !== null && Number(verdict[1]) > 0, said);
  assert.equal(verdict[2], '0', said);
  assert.equal(status, 0, said);
});

test('gmem_core_tests fails when no test has the name', () => {
  const { status, stdout } = spawnSync(PROGRAM, ['no such test'], { encoding: 'utf8' });
  assert.match(stdout, /^0 passed, 0 failed$/m);
  assert.equal(status, 1);
});
