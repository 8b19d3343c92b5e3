/** An addon named by the environment that is not there, or is none, is said so. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const LIBRARY = fileURLToPath(new URL('../../lib/index.js', import.meta.url));

function said(env: Record<string, string>): string {
  const code = `import { createEngine } from ${JSON.stringify(LIBRARY)};
    try { createEngine({ policy: 'rfc-thp', memory: '2MiB' }); } catch ({ code, message }) { console.log(code, message); }`;
  const options = { env: { ...process.env, ...env }, encoding: 'utf8' } as const;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', code], options).stdout;
}

test('which file was looked for is said, and that a file is no addon', () => {
  assert.match(
    said({ GMEM_ADDON: '/nonexistent.node' }),
    /^ERR_GMEM_ADDON GMEM_ADDON=\/nonexistent\.node: the addon does not load: there is no file \/nonexistent\.node\n$/,
  );
  assert.match(
    said({ GMEM_BUILD: 'Debugg' }),
    /GMEM_BUILD=Debugg: .*: there is no file .*build\/Debugg\/gmem\.node\n$/,
  );
  const text = fileURLToPath(new URL('../../../LICENSE', import.meta.url));
  assert.match(said({ GMEM_ADDON: text }), /it is no addon binary, accepted: a \.node file\n$/);
});
