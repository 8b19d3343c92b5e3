/**
 * A results document for the report tests: a real comparison of a small guest, with names as hostile as files can have.
 */
import { type CompareOptions, compare } from '../../lib/compare/compare.js';
import type { ResultsDocument } from '../../lib/compare/results.js';
import { guestStream, inputOf } from '../compare/streams.js';

export const HOSTILE = `"><img src=x onerror=alert(1)></script><script>alert(2)</script>&amp;'`;

export function sample(options: CompareOptions = {}, path = 'guest.jsonl'): Promise<ResultsDocument> {
  const stream = guestStream(21, 400);
  for (let i = 3; i < stream.length; i += 1) stream.setTime(i, 1000 * i);
  return compare({ ...inputOf(stream, path), sha256: 'ab'.repeat(32) }, { engine: 'reference', ...options });
}

/** The same with a policy whose name is markup, one that is refused, and an interrupt. */
export async function hostileSample(): Promise<ResultsDocument> {
  const document = await sample(
    {
      policies: [
        { name: HOSTILE, base: 'rfc-thp', knobs: {} },
        { name: `refused ${HOSTILE}`, base: 'rfc-thp', knobs: { merge: 'eager' } },
        'mainline-6.18',
      ],
    },
    HOSTILE,
  );
  const [first] = document.results;
  if (first !== undefined && !('refused' in first)) first.interrupted = true;
  return { ...document, interrupted: true };
}
