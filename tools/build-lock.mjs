/**
 * One builder at a time: a lock file that holds the pid of its owner. A lock whose owner is gone is taken over.
 *
 * Synchronous, because the library waits with it while it loads the addon.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const POLL_MS = 100;

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function ownerOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Removes the lock of a dead owner. A lock someone took in the meantime is put back. */
function takeAway(file, owner) {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
    if (ownerOf(aside) !== owner) linkSync(aside, file);
  } catch {
    // Someone else was faster; the next round sees what is there now.
  }
  rmSync(aside, { force: true });
}

/** Runs `work` while holding the lock; `onWait` is called once when another process holds it. */
export function withLock(file, work, onWait = () => {}) {
  mkdirSync(path.dirname(file), { recursive: true });
  // Written whole and then linked, so that no one ever reads a lock without its pid.
  const mine = `${file}.new.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (let waited = false; ; ) {
      try {
        linkSync(mine, file);
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const owner = ownerOf(file);
      if (owner !== undefined && !isAlive(Number(owner))) takeAway(file, owner);
      else {
        if (!waited) onWait();
        waited = true;
        sleep(POLL_MS);
      }
    }
  } finally {
    unlinkSync(mine);
  }
  try {
    return work();
  } finally {
    if (ownerOf(file) === String(process.pid)) unlinkSync(file);
  }
}
