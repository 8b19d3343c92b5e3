/**
 * One builder at a time: a lock file that says who its owner is. A lock whose owner is gone is taken over.
 *
 * Synchronous, because the library waits with it while it loads the addon.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const POLL_MS = 100;

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Who a process is: its pid and when it started (field 22 of /proc/PID/stat, counted behind the name, which may hold
 * anything). A pid alone is soon another process: in a container the same few numbers come again at every start.
 */
function identity(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
}

const ME = identity(process.pid) ?? `${process.pid} 0`;

function isAlive(owner) {
  return identity(owner.split(' ')[0]) === owner;
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
  writeFileSync(mine, ME);
  try {
    for (let waited = false; ; ) {
      try {
        linkSync(mine, file);
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const owner = ownerOf(file);
      if (owner !== undefined && !isAlive(owner)) takeAway(file, owner);
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
    if (ownerOf(file) === ME) unlinkSync(file);
  }
}
