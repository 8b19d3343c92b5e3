/**
 * The C++ core's own tests, as part of npm test. Where a checkout has none there is nothing to run here; .ci/run insists
 * on them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

if (existsSync(`${ROOT}native/test`)) {
  test('gmem_core_tests', () => {
    const child = spawnSync(`${ROOT}build/Release/gmem_core_tests`, { encoding: 'utf8' });
    assert.equal(child.error, undefined);
    assert.equal(child.status, 0, `${child.stdout}\n${child.stderr}`);
  });
}
