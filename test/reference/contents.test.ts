/**
 * Page contents: zero unless written, visibly stale when a clear is forgotten, bounded.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createReferenceBackend } from '../../lib/reference/backend.js';
import { Contents, MIXED, STALE_BYTE } from '../../lib/reference/contents.js';
import { HUGE, options, PAGE, runOps } from '../support/run.js';

describe('reference contents', () => {
  test('a frame that was never written reads as zeros and takes no memory', () => {
    const contents = new Contents(true, 2 ** 30);
    assert.equal(contents.read(7, 0, PAGE), 0);
    assert.equal(contents.residentBytes, 0);
    contents.write(7, 10, 20, 3);
    assert.equal(contents.read(7, 10, 20), 3);
    assert.equal(contents.read(7, 9, 11), MIXED);
    assert.equal(contents.residentBytes, PAGE);
  });

  test('a forgotten clear shows: what was freed with bytes is not zero until cleared', () => {
    const contents = new Contents(true, 2 ** 30);
    contents.write(7, 0, PAGE, 3);
    contents.retire(7);
    assert.equal(contents.residentBytes, 0);
    assert.equal(contents.read(7, 0, PAGE), STALE_BYTE);
    contents.write(7, 0, 1, 0);
    assert.equal(contents.read(7, 1, PAGE), STALE_BYTE);
    contents.clear(7);
    assert.equal(contents.read(7, 0, PAGE), 0);
  });

  test('the resident limit: a write that needs one more page is ENOMEM at that page', () => {
    const backend = createReferenceBackend(options({ residentLimitBytes: 3 * PAGE }));
    const outcomes = runOps(backend, [
      { op: 'create', size: HUGE },
      { op: 'bind', slot: 0, size: HUGE },
      { op: 'guest-write', gpa: 0, size: 8 * PAGE, byte: 1 },
      { op: 'guest-write', gpa: 0, size: 3 * PAGE, byte: 2 },
      { op: 'convert', gpa: 0, size: PAGE, to: 'private' },
      { op: 'populate', gpa: 0, size: PAGE },
      { op: 'vmm-write', gpa: 7 * PAGE, size: 1, byte: 1 },
    ]);
    assert.deepEqual(outcomes.slice(2), [
      { ok: false, errno: 'ENOMEM', done: 3 * PAGE },
      { ok: true },
      { ok: true, changed: 1, split: 0, merged: 0 },
      { ok: true, done: 1 },
      { ok: false, errno: 'ENOMEM', done: 0 },
    ]);
    assert.deepEqual(backend.verify(), []);
  });
});
