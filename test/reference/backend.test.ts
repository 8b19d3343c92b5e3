/**
 * The reference engine as a backend: batches, views, ends.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GmemError } from '../../lib/engine/error.js';
import { OpRecords } from '../../lib/ops/records.js';
import { createReferenceBackend } from '../../lib/reference/backend.js';
import { OUTCOME_BYTES } from '../../lib/spec/outcomes.js';
import { PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';
import { HUGE, knobs, options, PAGE, runOps, viewOf } from '../support/run.js';

describe('reference backend', () => {
  test('refuses what is not simulated, with the reason', () => {
    const refused = (differing: Parameters<typeof options>[0]) => () => createReferenceBackend(options(differing));
    const isPolicy = (error: unknown) => error instanceof GmemError && error.code === 'ERR_GMEM_POLICY';
    assert.throws(refused({ knobs: knobs({ hugepages: '1G' }) }), isPolicy);
    assert.throws(refused({ knobs: knobs({ conversion: 'in-place' }) }), isPolicy);
    assert.throws(refused({ arch: 'pkvm' }), isPolicy);
  });

  test('run takes any part of the records, and outcomes are optional', () => {
    const records = new OpRecords();
    records.append(25, 0, 0, 0, 0, 0, 0, PAGE, 0);
    records.append(0, 0, 0, 0, 3, 0, 0, HUGE, 0);
    records.append(0, 0, 0, 0, 3, 0, 0, HUGE, 0);
    const backend = createReferenceBackend(options());
    backend.run(records.bytes, 1, 1, null);
    assert.equal(backend.fileSize(3), HUGE);
    const outcomes = new Uint8Array(OUTCOME_BYTES);
    backend.run(records.bytes, 2, 1, outcomes);
    assert.equal(new Uint16Array(outcomes.buffer)[0], 17);
  });

  test('page views of files that are not open, and beyond the file', () => {
    const backend = createReferenceBackend(options());
    assert.equal(backend.pageView(0, 0, 1, new Uint32Array(PAGE_VIEW_WORDS)), false);
    assert.equal(backend.fileSize(0), -1);
    runOps(backend, [{ op: 'create', size: PAGE }]);
    assert.deepEqual([...viewOf(backend, 0, 2 ** 40, 1).words], [0xffffffff, 0xffffffff, 1 << 7, 0, 0]);
  });

  test('a gfn of more than 32 bits in the RMP words of a view', () => {
    const backend = createReferenceBackend(options({ arch: 'snp' }));
    const gpa = 2 ** 46 + 5 * PAGE;
    runOps(backend, [
      { op: 'create', vm: 1022, size: PAGE },
      { op: 'bind', vm: 1022, slot: 0, gpa, size: PAGE },
      { op: 'fault', vm: 1022, gpa, access: 'private' },
    ]);
    const { rmp } = viewOf(backend, 0, 0, 1).page(0);
    assert.deepEqual(rmp, { asid: 1023, gfn: gpa / PAGE, order: 0, validated: false, immutable: false });
  });

  test('close is idempotent, and a closed engine says so', () => {
    const backend = createReferenceBackend(options());
    backend.close();
    backend.close();
    assert.throws(() => backend.verify(), { code: 'ERR_GMEM_CLOSED' });
    assert.throws(() => backend.run(new Uint8Array(0), 0, 0, null), { code: 'ERR_GMEM_CLOSED' });
  });
});
