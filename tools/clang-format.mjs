/**
 * Formats the C++ sources, or checks them: node tools/clang-format.mjs [--write]
 *
 * The binary comes from the clang-format npm package, so that everyone formats with the same version.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { filesBelow, ROOT } from './steps.mjs';

const files = filesBelow('native').filter((file) => /\.(cc|h)$/.test(file));
if (files.length > 0) {
  const binary = createRequire(import.meta.url)('clang-format').getNativeBinary();
  const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '-Werror'];
  const result = spawnSync(binary, ['--style=file', ...mode, ...files], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.error !== undefined) throw result.error;
  process.exitCode = result.status ?? 1;
}
