/**
 * Exit codes of the command, and what to print for an error. The contract of docs: 0 done, 1 an invariant failed or the run
 * broke, 2 usage or bad input, 3 a threshold asked for was exceeded, 130 interrupted.
 */
import { CommanderError } from 'commander';
import { GmemError, type GmemErrorCode } from '../engine/error.js';
import { visible } from '../ops/problems.js';

export const EXIT = { done: 0, failed: 1, usage: 2, threshold: 3, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const USER_ERRORS: readonly GmemErrorCode[] = ['ERR_GMEM_INPUT', 'ERR_GMEM_ARGUMENT', 'ERR_GMEM_POLICY'];

/** A usage error: its message goes to stderr, exit code 2. */
export class UsageError extends Error {}

/** Writes what is wrong to stderr, without a stack for what a user can cause. */
export function reportError(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof UsageError) return say([`gmem: ${error.message}`], EXIT.usage);
  if (error instanceof GmemError) {
    const lines = error.problems.length > 0 ? error.problems : [`gmem: ${error.message}`];
    return say(lines, USER_ERRORS.includes(error.code) ? EXIT.usage : EXIT.failed);
  }
  const system = error as NodeJS.ErrnoException | undefined;
  if (typeof system?.code === 'string' && system.syscall !== undefined)
    return say([`gmem: ${system.message}`], EXIT.failed);
  return say(
    [`gmem: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`],
    EXIT.failed,
  );
}

function say(lines: readonly string[], code: ExitCode): ExitCode {
  process.stderr.write(`${visible(lines.join('\n'), '\n')}\n`);
  return code;
}
