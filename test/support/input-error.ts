/** Helpers to look at the one error bad input may give. */
import assert from 'node:assert/strict';
import { GmemError } from '../../lib/engine/error.js';

/** The problems of an input that must be refused. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    return problemsIn(error);
  }
  return assert.fail('was accepted');
}

export async function problemsOfAsync(read: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await read();
  } catch (error) {
    return problemsIn(error);
  }
  return assert.fail('was accepted');
}

/** What a reader may do with rubbish: take it, or throw this one error. @returns whether it took it. */
export function takesOrRefuses(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    problemsIn(error);
    return false;
  }
}

function problemsIn(error: unknown): readonly string[] {
  if (!(error instanceof GmemError)) throw error;
  assert.equal(error.code, 'ERR_GMEM_INPUT');
  assert.ok(error.problems.length > 0);
  assert.equal(error.message, error.problems.join('\n'));
  return error.problems;
}
