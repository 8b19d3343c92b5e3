/** Files of a test: a directory that goes away with it, and the traces of the repository. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Path of a bundled trace. */
export function bundled(name: string): string {
  return path.join(ROOT, 'traces', name);
}

/** A directory for the time of one test. */
export function scratchDirectory(context: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'gmem-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a file for the time of one test. @returns its path. */
export function scratchFile(context: TestContext, name: string, content: string | Uint8Array): string {
  const file = path.join(scratchDirectory(context), name);
  writeFileSync(file, content);
  return file;
}
