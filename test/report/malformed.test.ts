/**
 * A document with any one thing wrong is refused with the key, or reported: nothing else is thrown, by no format.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GmemError, REPORT_FORMATS, renderReport } from '../../lib/index.js';
import { documentProblems, pathText } from '../../lib/report/schema.js';
import { HOSTILE, sample } from './sample.js';

type Key = string | number;

/** Paths of everything in a value, outer things first; of long lists only the begin. */
function* pathsIn(value: unknown, path: Key[] = []): Generator<Key[]> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value).slice(0, 60)) {
    if (Array.isArray(value) && Number(key) > 2) return;
    yield* pathsIn(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

const WRONG: readonly unknown[] = [undefined, null, -1, Number.NaN, HOSTILE, true, [], {}, [null], { a: 1 }];

test('any one value changed: refused with its key, or reported', async () => {
  const good = await sample({ policies: ['rfc-thp', 'hugetlb-1g'], samples: 4 });
  assert.deepEqual(documentProblems(good), []);
  const text = JSON.stringify(good);
  let refused = 0;
  let reported = 0;
  for (const path of pathsIn(good)) {
    for (const wrong of WRONG) {
      const document = JSON.parse(text);
      let at = document;
      for (const key of path.slice(0, -1)) at = at[key];
      at[path.at(-1) as Key] = wrong;
      const problems = documentProblems(document);
      // A refused row needs less than one that ran: a key that is wrong may be one nobody reads there.
      if (problems.length > 0) {
        for (const { message } of problems) assert.match(message, /^(missing|got .*), accepted: (?!.*Invalid)/s);
        refused += 1;
        const inside = pathText(path);
        assert.ok(
          problems.every(
            (problem) => inside.startsWith(pathText(problem.path)) || pathText(problem.path).startsWith(inside),
          ),
          `${inside}: ${JSON.stringify(problems)}`,
        );
        assert.throws(() => renderReport('html', document), { name: 'GmemError', code: 'ERR_GMEM_ARGUMENT' });
        continue;
      }
      reported += 1;
      for (const format of REPORT_FORMATS) {
        try {
          renderReport(format, document);
        } catch (error) {
          assert.fail(`${format} of ${JSON.stringify(wrong)} at ${pathText(path)}: ${(error as Error).stack}`);
        }
      }
    }
  }
  assert.ok(refused > 1000 && reported > 20, `${refused} refused, ${reported} reported`);
});

test('what is no document at all is one problem', () => {
  for (const value of [undefined, null, 1, 'x', [], {}, { schema: 'gmem.calibration/1' }]) {
    assert.throws(
      () => renderReport('table', value as never),
      (error: unknown) =>
        error instanceof GmemError && error.problems.length === 1 && !/Invalid|expected/.test(error.message),
    );
  }
});
