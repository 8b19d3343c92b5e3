/**
 * The C++ driver of the core (native/bench), run as a child: its figures are of the core alone, no Node in the process.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Result } from './results.js';

/** Below the project's folder. */
export const CORE_PROGRAM = 'build/Release/gmem_core_bench';
const PROGRAM = fileURLToPath(new URL(`../../${CORE_PROGRAM}`, import.meta.url));

/**
 * Runs the benchmarks whose name contains a part; all of them without parts.
 *
 * @returns none when no name matches.
 */
export function runCore(parts: readonly string[]): Result[] {
  const { error, status, signal, stdout } = spawnSync(PROGRAM, ['--json', ...parts], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error !== undefined) throw new Error(`${PROGRAM}: ${error.message}: npm run bench builds it`);
  // Nothing of that name is no list of results, and status 2.
  const results = status === 0 || /^\[\s*\]/.test(stdout) ? (JSON.parse(stdout) as Result[]) : undefined;
  if (results === undefined) throw new Error(`gmem_core_bench ended with ${signal ?? status}`);
  return results;
}

/** What the benchmarks of the core are called; `undefined` when the driver is not built. */
export function coreNames(): readonly string[] | undefined {
  const { error, status, stdout } = spawnSync(PROGRAM, ['--list'], { encoding: 'utf8' });
  if (error !== undefined || status !== 0) return undefined;
  return stdout.split('\n').filter((line) => line !== '');
}
