/**
 * What the build tools share: running a child with its output on stderr (stdout belongs to the command the user ran),
 * and content stamps that say whether a step is up to date.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Ends the process with one line. */
export function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

/** Runs a command in ROOT; ends this process when it fails. */
export function run(command, ...args) {
  process.stderr.write(`> ${[path.basename(command), ...args].join(' ')}\n`);
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.error !== undefined) fail(`${command}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Every file below the given files and directories (relative to ROOT), sorted; what is not there counts as empty. */
export function filesBelow(...roots) {
  const files = [];
  for (const root of roots) {
    let stat;
    try {
      stat = statSync(path.join(ROOT, root));
    } catch {
      continue;
    }
    if (stat.isFile()) files.push(root);
    else {
      for (const name of readdirSync(path.join(ROOT, root), { recursive: true })) {
        const file = path.join(root, name);
        if (statSync(path.join(ROOT, file)).isFile()) files.push(file);
      }
    }
  }
  return files.sort();
}

/** Hash over names and contents of files, and over whatever else the step depends on. */
export function fingerprint(files, ...also) {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(path.join(ROOT, file)));
    hash.update('\0');
  }
  for (const item of also) hash.update(`${item}\0`);
  return hash.digest('hex');
}

/**
 * Runs `work` unless every output exists and the stamp says the inputs are the same as last time. Work that ends well and
 * leaves an output missing ends this process: a later error would name the wrong thing.
 */
export function step(stampFile, print, outputs, work) {
  const stamp = path.join(ROOT, stampFile);
  const exists = (file) => {
    try {
      return statSync(path.join(ROOT, file)).size > 0;
    } catch {
      return false;
    }
  };
  let last = '';
  try {
    last = readFileSync(stamp, 'utf8');
  } catch {
    // The first time.
  }
  if (last === print && outputs.every(exists)) return false;
  work();
  const missing = outputs.filter((output) => !exists(output));
  if (missing.length > 0) fail(`${missing.join(', ')} not made`);
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, print);
  return true;
}
