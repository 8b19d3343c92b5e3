/**
 * An op that is refused on its arguments changes nothing: no page of any file, no counter but `errors`. On random streams,
 * on every engine. No RMPUPDATE is held up in them: a hook that was given up answers EINVAL too, and not for its arguments.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Backend } from '../lib/engine/backend.js';
import { OutcomeRecords } from '../lib/ops/outcomes.js';
import type { RecordFields } from '../lib/ops/records.js';
import { COUNTER_NAMES } from '../lib/spec/counters.js';
import { ERRNOS } from '../lib/spec/errnos.js';
import { SWITCH_NAMES } from '../lib/spec/knobs.js';
import type { OpName } from '../lib/spec/ops.js';
import { PAGE_VIEW_WORDS } from '../lib/spec/page-view.js';
import { engines } from './support/backends.js';
import { optionsOf } from './support/differential.js';
import { linesOf, nameOf, recordsOf } from './support/ops.js';
import { customPolicy } from './support/policies.js';
import { Random } from './support/prng.js';
import { PROFILE_NAMES } from './support/profiles.js';
import { randomStream } from './support/random-stream.js';

const STREAMS = 60;
const STREAM_OPS = 150;
const FILES = 6;
const PAGES = 1600;
const ARGUMENT_ERRORS: readonly number[] = [ERRNOS.EBADF, ERRNOS.EINVAL, ERRNOS.EPERM, ERRNOS.EOPNOTSUPP];
/** Refuses a page only after it has allocated it (kvm_gmem_populate asks for the folio first). */
const ALLOCATES_FIRST: readonly OpName[] = ['populate'];

/** All that may not change, as bytes. */
function snapshot(backend: Backend): Buffer {
  const counters = new Float64Array(COUNTER_NAMES.length);
  backend.counters(counters);
  const parts = [Buffer.from(counters.buffer)];
  for (let gmem = 0; gmem < FILES; gmem += 1) {
    const words = new Uint32Array(PAGES * PAGE_VIEW_WORDS);
    if (backend.pageView(gmem, 0, PAGES, words)) parts.push(Buffer.from(words.buffer));
    else parts.push(Buffer.from([gmem]));
  }
  return Buffer.concat(parts);
}

function holdsUp(fields: RecordFields): boolean {
  return nameOf(fields) === 'set' && SWITCH_NAMES[fields.arg] === 'rmp-busy';
}

for (const engine of engines) {
  describe(`an op refused on its arguments changes nothing on ${engine.name}`, () => {
    let refused = 0;
    for (const profile of PROFILE_NAMES) {
      test(profile, () => {
        for (let n = 0; n < STREAMS / PROFILE_NAMES.length; n += 1) {
          const random = new Random(8000 + n);
          const policy = customPolicy(random);
          const stream = randomStream(random.fork(), profile, policy, STREAM_OPS);
          const plan = { ...policy, ...stream, ops: stream.ops.filter((fields) => !holdsUp(fields)) };
          const backend = engine.create(optionsOf(plan));
          const records = recordsOf(plan.ops);
          const outcomes = new OutcomeRecords(1);
          let before = snapshot(backend);
          for (const [i, fields] of plan.ops.entries()) {
            backend.run(records.bytes, i, 1, outcomes.bytes);
            const after = snapshot(backend);
            const byArguments = ARGUMENT_ERRORS.includes(outcomes.errno(0)) && outcomes.has(0) === 0;
            if (byArguments && !ALLOCATES_FIRST.includes(nameOf(fields))) {
              refused += 1;
              assert.ok(before.equals(after), linesOf(plan.ops.slice(0, i + 1)).join('\n'));
            }
            before = after;
          }
          backend.close();
        }
      });
    }

    test('there were such ops', () => assert.ok(refused > STREAMS * STREAM_OPS * 0.05, `${refused}`));
  });
}
