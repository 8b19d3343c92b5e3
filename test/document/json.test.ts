/** JSON files: where a text stops being JSON, and where its values are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson, refuseDocument, repeatedKeys } from '../../lib/document/json.js';
import { problemsOf } from '../support/input-error.js';

test('what is not JSON is said with the place of the first thing that is not', () => {
  const said: [string, RegExp][] = [
    ['', /^f:1:1: not JSON: it ends too early, accepted: a file$/],
    ['{', /^f:1:2: not JSON: it ends too early/],
    ['{\n  "a": 1,\n  "b" 2\n}', /^f:3:7: not JSON: unexpected "2"/],
    ['[1,]', /^f:1:4: /],
    ['{"a":1,}', /^f:1:8: /],
    ['[01]', /^f:1:3: /],
    ['{"a":"\\x"}', /^f:1:6: /],
    ['[1] 2', /^f:1:5: /],
    ['\ufeff[1', /^f:1:4: not JSON: it ends too early/],
    ['a: 1', /^f:1:1: not JSON: unexpected "a"/],
    ['\u001f\u0008\u0000', /^f:1:1: not JSON: unexpected "\\u001f", accepted: a file$/],
  ];
  for (const [text, wanted] of said) {
    const problems = problemsOf(() => parseJson(text, 'f', 'a file'));
    assert.equal(problems.length, 1);
    assert.match(problems[0] as string, wanted);
  }
  const binary = problemsOf(() => parseJson(`\u001f${'\u0001\ufffd'.repeat(1e6)}`, 'f', 'a file'));
  assert.ok((binary[0] as string).length < 200);
});

test('what JSON.parse takes is taken, and its places are found', () => {
  const text = '\ufeff { "a" : [ 1, {"b": -1.5e+3, "c": "\\u00e9\\"" } ],\n "d": {}, "e": [], "f": null }';
  assert.deepEqual(parseJson(text, 'f', ''), JSON.parse(text.slice(1)));
  const at = (path: PropertyKey[], ofKey = false): string => {
    const [line] = problemsOf(() => refuseDocument(text, 'f', [{ path, ofKey, message: 'm' }], 'document'));
    return line as string;
  };
  assert.equal(at([]), 'f:1:3: document: m');
  assert.equal(at(['a']), 'f:1:11: a: m');
  assert.equal(at(['a'], true), 'f:1:5: a: m');
  assert.equal(at(['a', 1, 'c']), 'f:1:36: a[1].c: m');
  assert.equal(at(['a', 0]), 'f:1:13: a[0]: m');
  assert.equal(at(['f']), 'f:2:25: f: m');
  assert.equal(at(['d', 'x']), 'f:2:7: d.x: m', 'of what is missing, the place of what it is missing in');
});

test('a key that is given twice is found', () => {
  assert.deepEqual(repeatedKeys('{"a": 1, "b": {"a": 2, "a": 3}, "c": [{"a": 1}, {"a": 1}]}'), [
    { path: ['b', 'a'], ofKey: true, message: 'given twice, accepted: each key once' },
  ]);
});
