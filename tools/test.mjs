/**
 * Runs the tests: node tools/test.mjs [part of a file name …] [options of node --test …]
 *
 * The files are those of test/, not of dist/test/, so that a deleted test is not run from an old build. Fails when
 * nothing ran. The closing lines (tests, pass, fail, skipped) are the runner's own.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fail, filesBelow, ROOT } from './steps.mjs';

const options = process.argv.slice(2).filter((arg) => arg.startsWith('-'));
const parts = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const files = filesBelow('test')
  .filter((file) => file.endsWith('.test.ts') && (parts.length === 0 || parts.some((part) => file.includes(part))))
  .map((file) => path.join('dist', file.replace(/\.ts$/, '.js')));
if (files.length === 0) fail(parts.length === 0 ? 'no tests' : `no test file matches ${parts.join(', ')}`);

const scratch = mkdtempSync(path.join(tmpdir(), 'gmem-test-'));
const tap = path.join(scratch, 'tap');
const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout'];
reporters.push('--test-reporter=tap', `--test-reporter-destination=${tap}`);
// As many files at once as there are processors: the runner's own default leaves one idle.
const together = `--test-concurrency=${availableParallelism()}`;
const args = ['--enable-source-maps', '--test', together, ...reporters, ...options, ...files];
const result = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 1, 2] });
const ran = Number(/^# tests (\d+)$/m.exec(readFileSync(tap, 'utf8'))?.[1] ?? 0);
rmSync(scratch, { recursive: true, force: true });
if (result.error !== undefined) throw result.error;
if (ran === 0) fail('no test ran');
process.exitCode = result.status ?? 1;
