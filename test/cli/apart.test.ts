/** No output takes the place of an input or of another output, by whatever names they are given. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { file, gmem, MAIN, SMALL, scratch } from './gmem.js';

const COSTS = '{"source": "here", "cycles": {"clear_page": 10}}';

/** A folder with an op stream under several names, and a cost file. */
function folderOf(t: TestContext): string {
  const folder = scratch(t);
  file(folder, 'e.jsonl', SMALL);
  file(folder, 'cal.json', [COSTS]);
  symlinkSync('e.jsonl', path.join(folder, 'soft.jsonl'));
  linkSync(path.join(folder, 'e.jsonl'), path.join(folder, 'hard.jsonl'));
  mkdirSync(path.join(folder, 'real'));
  symlinkSync('real', path.join(folder, 'linked'));
  symlinkSync('new.txt', path.join(folder, 'dangling.txt'));
  symlinkSync('../e.jsonl', path.join(folder, 'real', 'gmem-compare.csv'));
  return folder;
}

const REPLAY = ['replay', 'e.jsonl', '--policy', 'rfc-thp'];
const TOGETHER: readonly [string, string[], RegExp][] = [
  [
    'a report and the input',
    ['compare', 'e.jsonl', '-o', 'e.jsonl'],
    /-o: e\.jsonl is the same file as INPUT: e\.jsonl/,
  ],
  ['through a link', ['compare', 'e.jsonl', '-o', 'soft.jsonl'], /-o: soft\.jsonl is the same file as INPUT: e\.jsonl/],
  ['the input a link', ['compare', 'soft.jsonl', '-o', './e.jsonl'], /is the same file as INPUT: soft\.jsonl/],
  ['through a hard link', ['run', 'e.jsonl', '-o', 'hard.jsonl'], /-o: hard\.jsonl is the same file as INPUT/],
  [
    'a report of a folder',
    ['compare', 'e.jsonl', '--format', 'csv', '-o', 'real/'],
    /-o: real\/gmem-compare\.csv is the/,
  ],
  ['outcomes and the input', [...REPLAY, '--outcomes', 'e.jsonl'], /--outcomes: e\.jsonl is the same file as INPUT/],
  [
    'costs and a report',
    ['compare', 'e.jsonl', '--cost', 'cal.json', '-o', 'cal.json'],
    /same file as --cost: cal\.json/,
  ],
  ['costs and outcomes', [...REPLAY, '--cost', 'cal.json', '--outcomes', 'cal.json'], /same file as --cost: cal\.json/],
  ['outcomes and a report', [...REPLAY, '--outcomes', 'o', '-o', 'o'], /-o: o is the same file as --outcomes: o/],
  ['in a folder by two names', [...REPLAY, '--outcomes', 'real/o', '-o', 'linked/o'], /-o: linked\/o is the same/],
  ['a link that leads nowhere yet', [...REPLAY, '--outcomes', 'new.txt', '-o', 'dangling.txt'], /-o: dangling\.txt is/],
  [
    'the file HTML goes to by itself',
    [...REPLAY, '--outcomes', 'gmem-report.html', '--format', 'html'],
    /-o: gmem-report\.html is the same file as --outcomes/,
  ],
];

for (const [name, args, message] of TOGETHER) {
  test(`one file for two things is refused and left as it is: ${name}`, (t) => {
    const folder = folderOf(t);
    const content = () => ['e.jsonl', 'cal.json'].map((of) => readFileSync(path.join(folder, of), 'utf8'));
    const before = content();
    const { code, stdout, stderr } = gmem(args, folder);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, message);
    assert.match(stderr, /^gmem: .*\. Accepted: a file of its own\n$/);
    assert.deepEqual(content(), before);
  });
}

test('a packed file that is read in place stays what it is', (t) => {
  const folder = scratch(t);
  const lines = [SMALL[0], SMALL[1], ...Array<string>(430_000).fill('{"op":"touch","gpa":0}')];
  file(folder, 'big.jsonl', lines as string[]);
  assert.equal(gmem(['convert', 'big.jsonl', '-o', 'big.gmt'], folder).code, 0);
  const before = readFileSync(path.join(folder, 'big.gmt'));
  assert.ok(before.length > 16 << 20);
  const { code, stderr } = gmem(['replay', 'big.gmt', '--policy', 'rfc-thp', '--outcomes', 'big.gmt'], folder);
  assert.equal(code, 2);
  assert.match(stderr, /--outcomes: big\.gmt is the same file as INPUT: big\.gmt/);
  // A conversion takes the place of its input only when it is complete.
  assert.equal(gmem(['convert', 'big.gmt', '-o', 'big.gmt'], folder).code, 0);
  assert.ok(readFileSync(path.join(folder, 'big.gmt')).equals(before));
});

test('a report is not written over the results it is of', (t) => {
  const folder = folderOf(t);
  mkdirSync(path.join(folder, 'results'));
  const results = path.join(folder, 'results', 'gmem-replay.json');
  assert.equal(gmem([...REPLAY, '--format', 'json', '-o', results], folder).code, 0);
  const before = readFileSync(results, 'utf8');
  const { code, stderr } = gmem(['report', 'results', '--format', 'json', '-o', 'results/'], folder);
  assert.equal(code, 2);
  assert.match(stderr, /-o: results\/gmem-replay\.json is the same file as DIR: results\/gmem-replay\.json/);
  assert.equal(readFileSync(results, 'utf8'), before);
  assert.equal(gmem(['report', 'results', '--format', 'table,html', '-o', 'results/'], folder).code, 0);
});

test('stdin and stdout are files too when they lead to one; devices and pipes are not', (t) => {
  const folder = folderOf(t);
  const input = path.join(folder, 'e.jsonl');
  const before = readFileSync(input, 'utf8');
  const refused = (stdin: string, flags: string, args: string[]): string => {
    const [from, to] = [openSync(stdin, 'r'), openSync(input, flags)];
    const ran = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: folder,
      stdio: [from, to, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(from);
    closeSync(to);
    assert.equal(ran.status, 2);
    return ran.stderr;
  };
  assert.match(refused('/dev/null', 'a', ['compare', 'e.jsonl']), /stdout is the same file as INPUT: e\.jsonl/);
  assert.match(refused('/dev/null', 'a', ['convert', 'e.jsonl', '-o', '-']), /stdout is the same file as INPUT/);
  assert.match(refused(input, 'r', ['compare', '-', '-o', 'e.jsonl']), /-o: e\.jsonl is the same file as INPUT/);
  assert.equal(readFileSync(input, 'utf8'), before);
  assert.equal(gmem([...REPLAY, '--outcomes', '/dev/null', '-o', '/dev/null'], folder).code, 0);
  const piped = spawnSync('bash', ['-c', '"$@" | cat', '-', process.execPath, MAIN, ...REPLAY, '-o', '/dev/stdout'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.match(piped.stdout, /^e\.jsonl: 6 ops/, piped.stderr);
  // What is there and read by nobody is overwritten as ever.
  const report = path.join(folder, 'report.txt');
  writeFileSync(report, 'old');
  assert.equal(gmem(['compare', 'e.jsonl', '-o', 'report.txt'], folder).code, 0);
  assert.match(readFileSync(report, 'utf8'), /^e\.jsonl: 6 ops/);
});
