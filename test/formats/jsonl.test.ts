import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { appendOp, type OpProblem } from '../../lib/ops/encode.js';
import { formatJsonl, JsonlReader, parseJsonl } from '../../lib/ops/jsonl.js';
import { FastLines } from '../../lib/ops/jsonl-fast.js';
import { LISTED } from '../../lib/ops/problems.js';
import { OpStream } from '../../lib/ops/stream.js';
import { arbitraryOp, arbitraryOps } from '../support/arbitrary-ops.js';
import { problemsOf, takesOrRefuses } from '../support/input-error.js';

const jsonl = (ops: readonly object[]): string => ops.map((op) => `${JSON.stringify(op)}\n`).join('');

test('CRLF, blank lines, byte order mark, spaces and a missing last newline are tolerated', () => {
  const text = '\ufeff{"op":"touch","gpa":0}\r\n\r\n  \t\n { "op" : "touch" , "gpa" : 4096 } \n\n{"op":"finalize"}';
  assert.equal(
    formatJsonl(parseJsonl(text)),
    '{"op":"touch","vm":0,"vcpu":0,"gpa":0,"write":false}\n' +
      '{"op":"touch","vm":0,"vcpu":0,"gpa":4096,"write":false}\n' +
      '{"op":"finalize","vm":0}\n',
  );
  assert.equal(parseJsonl('').length, 0);
});

test('all problems of a file, each at its line and column', () => {
  const text = [
    '[1]',
    'null',
    '{"op":"fault","gpaa":1,"access":"privat","gpa":"0xzz"}',
    '{"op":"touch","gpa":0}',
    '{"op":"touch","gpa":1,"gpa":2}',
    '  {"op":"tuch"}',
    '{"op":"touch" "gpa":1}',
    '{"op":"touch","note":"\u00e9\u00e9","gpa":1e400}',
    '{"op":"punch","gmem":0}',
    '{"op":"touch","gpa":0}{}',
  ].join('\n');
  const places = problemsOf(() => parseJsonl(text, 'x.jsonl')).map(
    (line) => /^(x\.jsonl:\d+:\d+: [^:]*): ./.exec(line)?.[1],
  );
  assert.deepEqual(places, [
    'x.jsonl:1:1: line',
    'x.jsonl:2:1: line',
    'x.jsonl:3:15: gpaa',
    'x.jsonl:3:33: access',
    'x.jsonl:3:48: gpa',
    'x.jsonl:5:23: gpa',
    'x.jsonl:6:9: op',
    'x.jsonl:7:15: line',
    'x.jsonl:8:33: gpa',
    'x.jsonl:9:1: offset',
    'x.jsonl:9:1: size',
    'x.jsonl:10:23: line',
  ]);
});

test('a listing is cut, and says how much it leaves out', () => {
  const problems = problemsOf(() => parseJsonl('x\n'.repeat(LISTED + 5), 'f'));
  assert.equal(problems.length, LISTED + 1);
  assert.equal(problems.at(-1), 'f: and 5 more problems');
});

test('bytes that are no text are told by place', () => {
  assert.match(
    problemsOf(() => parseJsonl(Buffer.from('{"note":"\xff"}', 'latin1'), 'f'))[0] ?? '',
    /^f:1:10: line: not UTF-8/,
  );
  assert.match(problemsOf(() => parseJsonl(Buffer.from([0, 1, 2]), 'f'))[0] ?? '', /^f:1:1: line: not JSON/);
  assert.match(problemsOf(() => parseJsonl(Buffer.alloc(3 << 20, 0x20), 'f'))[0] ?? '', /^f:1:1: line: .* 1 MiB/);
  assert.match(problemsOf(() => parseJsonl(`{"op":${'['.repeat(5000)}`, 'f'))[0] ?? '', /nested too deep/);
});

test('property: formatting is a fixed point, however the bytes are cut into chunks', () => {
  fc.assert(
    fc.property(arbitraryOps, fc.integer({ min: 1, max: 60 }), (ops, cut) => {
      const text = formatJsonl(parseJsonl(jsonl(ops)));
      const reader = new JsonlReader('f');
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += cut) reader.push(bytes.subarray(at, at + cut));
      assert.equal(formatJsonl(reader.finish()), text);
    }),
    { numRuns: 300 },
  );
});

/** Cuts, doubles, swaps and replaces parts of a text. */
const mutated = (text: string): fc.Arbitrary<string> =>
  fc
    .array(
      fc.record({
        at: fc.nat(),
        drop: fc.nat({ max: 4 }),
        insert: fc.oneof(
          fc.constantFrom(
            '"',
            ',',
            ':',
            '{',
            '}',
            '[',
            ']',
            '-',
            '0',
            '1e3',
            '.5',
            ' ',
            '\n',
            '\\',
            'true',
            '"gpa":1,',
            '\u0000',
            '\u00e9',
          ),
          fc.string({ maxLength: 3 }),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) => {
      let result = text;
      for (const { at, drop, insert } of edits) {
        const place = at % (result.length + 1);
        result = result.slice(0, place) + insert + result.slice(place + drop);
      }
      return result;
    });

test('property: the fast path only takes what the general path takes alike', () => {
  let fast = 0;
  const check = (line: string): void => {
    const quick = new OpStream();
    const bytes = Buffer.from(line);
    if (!new FastLines(quick).take(bytes, 0, bytes.length)) {
      assert.equal(quick.length, 0);
      return;
    }
    fast += 1;
    const careful = new OpStream();
    const found: OpProblem[] = [];
    assert.ok(appendOp(careful, JSON.parse(line), found), `${line}: ${JSON.stringify(found)}`);
    assert.deepEqual(quick.records.read(0), careful.records.read(0), line);
    assert.deepEqual(quick.notes.get(0), careful.notes.get(0), line);
    assert.equal(quick.time(0), careful.time(0), line);
    assert.equal(formatJsonl(parseJsonl(line)), formatJsonl(careful), line);
  };
  fc.assert(
    fc.property(
      arbitraryOp.chain((op) => {
        const text = JSON.stringify(op);
        const plain = formatJsonl(
          parseJsonl(JSON.stringify({ ...op, t: 17, derived: true, note: 'plain text' })),
        ).trim();
        return fc.tuple(fc.constant(text), fc.constant(plain), mutated(plain));
      }),
      ([text, plain, broken]) => {
        check(text);
        check(plain);
        if (!broken.includes('\n')) check(broken);
      },
    ),
    { numRuns: 5000 },
  );
  assert.ok(fast > 500, `only ${fast} lines were taken`);
});

test('property: mutated text is read or refused, and what is read is legal', () => {
  fc.assert(
    fc.property(
      arbitraryOps.chain((ops) => mutated(jsonl(ops))),
      (text) => {
        let stream: OpStream | undefined;
        if (takesOrRefuses(() => (stream = parseJsonl(text)))) {
          const canonical = formatJsonl(stream as OpStream);
          assert.equal(formatJsonl(parseJsonl(canonical)), canonical);
        }
      },
    ),
    { numRuns: 1500 },
  );
});

test('property: any bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      takesOrRefuses(() => parseJsonl(bytes));
    }),
    { numRuns: 1000 },
  );
});
