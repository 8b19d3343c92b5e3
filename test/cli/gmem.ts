/**
 * Runs the built command as a user would, in a scratch folder.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));
/** A recorded boot of a real guest, part of the package. */
export const TRACE = fileURLToPath(new URL('../../../traces/boot2g.jsonl.gz', import.meta.url));

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export function scratch(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gmem-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function gmem(args: readonly string[], cwd = tmpdir()): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { code: status, stdout, stderr };
}

/** Runs it and sends `signal` as soon as stderr says anything. */
export function interrupted(args: readonly string[], signal: NodeJS.Signals): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      if (stderr === '') child.kill(signal);
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export function file(folder: string, name: string, lines: readonly string[]): string {
  const full = path.join(folder, name);
  writeFileSync(full, lines.map((line) => `${line}\n`).join(''));
  return full;
}

/** A guest of four pages that does a little of everything. */
export const SMALL = [
  '{"op":"create","gmem":0,"size":16384}',
  '{"op":"bind","slot":0,"gpa":0,"size":16384,"gmem":0}',
  '{"op":"touch","gpa":0,"size":8192}',
  '{"op":"convert","gpa":0,"size":4096,"to":"shared"}',
  '{"op":"touch","gpa":0}',
  '{"op":"punch","gmem":0,"offset":1,"size":4096}',
];
