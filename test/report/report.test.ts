import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../lib/compare/compare.js';
import { isRun, type ResultsDocument } from '../../lib/compare/results.js';
import { OpBuilder } from '../../lib/ops/builder.js';
import { PRESET_NAMES } from '../../lib/policy/presets.js';
import { COLUMNS } from '../../lib/report/columns.js';
import { csvReport } from '../../lib/report/csv.js';
import { bytes, difference, duration, grouped, pagesAsBytes, prefixed, share } from '../../lib/report/format.js';
import { standing } from '../../lib/report/html/comparison.js';
import { htmlReport } from '../../lib/report/html/report.js';
import { jsonReport } from '../../lib/report/json.js';
import { tableReport } from '../../lib/report/table.js';
import { inputOf } from '../compare/streams.js';
import { HOSTILE, hostileSample, sample } from './sample.js';

test('numbers are written without a locale', () => {
  assert.deepEqual([0, 999, 1000, 1234567, 1234.5].map(grouped), ['0', '999', '1,000', '1,234,567', '1,234.5']);
  assert.deepEqual([0, 12, 999, 1000, 123456, 2.44e9].map(prefixed), ['0', '12', '999', '1.00 k', '123 k', '2.44 G']);
  assert.deepEqual([0, 1, 256, 261_504, 262_144].map(pagesAsBytes), ['0', '4 KiB', '1 MiB', '1022 MiB', '1 GiB']);
  assert.deepEqual([850, 12_300, 1.2e6, 3.41e9].map(duration), ['850 ns', '12.3 us', '1.20 ms', '3.41 s']);
  assert.deepEqual([share(1, 3), share(1, 1000), share(0, 5)], ['33 %', '<1 %', '0 %']);
});

test('differences say how far, also at the ends', () => {
  const cases: [number, number, string][] = [
    [5, 5, '='],
    [5, 0, 'new'],
    [0, 5, '-100 %'],
    [110, 100, '+10 %'],
    [101, 100, '+1.0 %'],
    [300, 100, '+200 %'],
    [1234, 100, 'x12.3'],
    [4382, 253769, '-98 %'],
    [892, 252175, '-99.6 %'],
    [862, 874911, '-99.90 %'],
    [1, 252175, '-99.99 %'],
    [100_001, 100_000, '+<0.1 %'],
  ];
  for (const [value, base, text] of cases) assert.equal(difference(value, base), text, `${value} against ${base}`);
});

test('the table: one row a policy, no line above the width, no trailing colour codes', async () => {
  const document = await sample();
  for (const width of [100, 120, 160]) {
    const lines = tableReport(document, { width }).split('\n');
    const grid = lines.filter((line) => PRESET_NAMES.some((name) => line.startsWith(`${name} `)) || /^-+$/.test(line));
    assert.ok(grid.length >= PRESET_NAMES.length + 1);
    for (const line of grid) assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
    assert.ok(!lines.some((line) => line.includes('\u001b')));
  }
  assert.ok(tableReport(document, { color: true }).includes('\u001b[1m'));
});

test('the table shows what the counters say', async () => {
  const document = await sample({ policies: ['rfc-thp'] });
  const [run] = document.results;
  assert.ok(run !== undefined && isRun(run));
  const text = tableReport(document);
  assert.ok(text.includes(grouped(run.counters.faults_4k)));
  assert.ok(text.includes(pagesAsBytes(run.counters.host_pages_peak)));
  assert.match(text, /modelled/);
});

test('refused and interrupted policies are said in the table', async () => {
  const text = tableReport(await hostileSample());
  assert.match(text, /refused: merge eager and deferred need conversion in-place/);
  assert.match(text, /interrupted after \d+ of \d+ ops/);
});

test('JSON parses back to the document', async () => {
  const document = await hostileSample();
  assert.deepEqual(JSON.parse(jsonReport(document)), JSON.parse(JSON.stringify(document)));
});

/** A CSV reader of its own, by the letter of RFC 4180. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/gy;
  for (;;) {
    const match = pattern.exec(text);
    assert.ok(match !== null, `not CSV at ${pattern.lastIndex}`);
    (rows.at(-1) as string[]).push(match[1]?.replaceAll('""', '"') ?? (match[2] as string));
    if (match[3] === '\r\n') rows.push([]);
    if (pattern.lastIndex >= text.length) break;
  }
  if (rows.at(-1)?.length === 0) rows.pop();
  return rows;
}

test('CSV: a row a policy, as many cells as headings, quotes survive', async () => {
  const document = await hostileSample();
  const [heading, ...rows] = readCsv(csvReport(document));
  assert.ok(heading !== undefined);
  assert.equal(rows.length, document.results.length);
  for (const row of rows) assert.equal(row.length, heading.length);
  assert.equal(rows[0]?.[0], HOSTILE);
  const [run] = document.results;
  assert.ok(run !== undefined && isRun(run));
  assert.equal(rows[0]?.[heading.indexOf('pages_cleared')], String(run.counters.pages_cleared));
  assert.equal(
    rows[1]?.[heading.indexOf('refused')],
    'merge eager and deferred need conversion in-place: by discard there is nothing left to merge',
  );
});

test('HTML: one file, nothing from the network, everything escaped', async () => {
  const page = htmlReport(await hostileSample());
  assert.doesNotMatch(page, /<img/);
  assert.doesNotMatch(page, /<script>alert/);
  assert.equal(page.match(/<script/g)?.length, 2);
  assert.doesNotMatch(page, /<(?:link|iframe|object|embed|video|audio|base|form|image|use)\b/i);
  for (const [script] of page.matchAll(/<script[^>]*>/g)) {
    assert.ok(['<script>', '<script type="application/json" id="timelines">'].includes(script), script);
  }
  for (const [link] of page.matchAll(/<a\b[^>]*>/g)) assert.match(link, /^<a(?: class="skip")? href="#[a-z]+">$/);
  assert.doesNotMatch(page, /https?:|url\(|@import/);
  assert.match(page, /default-src 'none'/);
  assert.match(page, /could not run/);
  assert.match(page, /Interrupted/);
});

test('HTML: sections, every used column and every policy are there', async () => {
  const document = await sample();
  const page = htmlReport(document);
  for (const id of ['table', 'cycles', 'time', 'map', 'bars', 'policies', 'columns']) {
    assert.ok(page.includes(`id="${id}"`), id);
    assert.ok(page.includes(`href="#${id}"`), id);
  }
  for (const name of PRESET_NAMES) assert.ok(page.includes(`<th scope="row">${name}`), name);
  assert.ok(page.includes('ab'.repeat(32)));
  assert.ok(!page.includes('undefined') && !page.includes('NaN') && !page.includes('[object'));
});

test('HTML of nothing but refusals is still a report', async () => {
  const page = htmlReport(await sample({ policies: [{ name: 'p', base: 'rfc-thp', knobs: { source: 'pool' } }] }));
  assert.match(page, /source pool needs/);
  assert.ok(!page.includes('undefined') && !page.includes('NaN'));
});

test('HTML: the command that gives the report again, where there is one', async () => {
  const command = (document: ResultsDocument) =>
    /Run again with<\/dt><dd class="mono">(.*?)<\/dd>/.exec(htmlReport(document))?.[1];
  const document = await sample({ policies: ['rfc-thp', 'mainline-6.18'], seed: 7, memoryBytes: 2 ** 30 });
  const plain =
    'gmem compare guest.jsonl --policies rfc-thp,mainline-6.18 --engine reference --arch snp --memory 1073741824 --seed 7';
  assert.equal(command(document), plain);
  const costly = { ...document, cost_origin: { name: 'mine.json', kind: 'cost file' as const } };
  assert.equal(command(costly), `${plain} --cost FILE`);
  const kernel = document.results
    .slice(0, 1)
    .map((run) => ({ ...run, policy: 'running-kernel', engine: 'kvm' as const }));
  const replayed: ResultsDocument = { ...document, schema: 'gmem.replay/1', results: kernel };
  assert.equal(command(replayed), 'gmem replay guest.jsonl --engine kvm');
  // Nothing of a simulated host is said of the running kernel.
  for (const term of ['Arch', 'Host memory, simulated', 'Seed', 'Cost table']) {
    assert.ok(htmlReport(document).includes(`<dt>${term}</dt>`), term);
    assert.ok(!htmlReport(replayed).includes(`<dt>${term}</dt>`), term);
  }
  assert.equal(command(await sample({ policies: [{ name: 'mine', knobs: {} }] })), undefined);
});

test('best and worst: only where an end is better and the policies differ', async () => {
  const { results } = await sample({ policies: ['base-bitmap', 'mainline-6.18', 'mainline-next', 'rfc-thp'] });
  const runs = results.filter(isRun);
  const column = (key: string): (typeof COLUMNS)[number] => {
    const found = COLUMNS.find((candidate) => candidate.key === key);
    assert.ok(found !== undefined);
    return found;
  };
  const thp = runs.find((run) => run.policy === 'rfc-thp');
  const base = runs.find((run) => run.policy === 'base-bitmap');
  assert.ok(thp !== undefined && base !== undefined);
  assert.equal(standing(column('faults_4k'), thp, runs), 'best');
  assert.equal(standing(column('faults_4k'), base, runs), 'worst');
  assert.equal(standing(column('splits_2m'), base, runs), 'best');
  assert.equal(standing(column('folios_allocated_2m'), thp, runs), '');
  assert.equal(standing(column('shared_copy_pages_peak'), thp, runs), '');
  assert.equal(standing(column('faults_4k'), { ...thp, interrupted: true }, runs), '');
});

test('an input of conversions alone is said to tell no designs apart, any other is not', async () => {
  const nothing = /converts memory but never uses any/;
  const log = new OpBuilder()
    .push({ op: 'create', size: 2 ** 21 })
    .push({ op: 'bind', slot: 0, size: 2 ** 21 })
    .push({ op: 'convert', gpa: 0, size: 4096, to: 'shared' });
  const converted = await compare(inputOf(log.stream), { engine: 'reference' });
  log.push({ op: 'touch', gpa: 0 });
  const used = await compare(inputOf(log.stream), { engine: 'reference' });
  for (const report of [tableReport, htmlReport]) {
    assert.match(report(converted).replace(/\s+/g, ' '), nothing);
    assert.doesNotMatch(report(used).replace(/\s+/g, ' '), nothing);
  }
});

test('the table of an interrupted comparison says that rows are missing', async () => {
  const document = await sample({ policies: ['rfc-thp'] });
  assert.match(
    tableReport({ ...document, interrupted: true }),
    /^interrupted: policies that had not started are missing$/m,
  );
  assert.doesNotMatch(tableReport(document), /interrupted/);
});

test('splits and merges are shown with their distinct ranges, in the table and the HTML file', async () => {
  const document = await sample({ policies: ['rfc-thp', 'mainline-6.18'] });
  // Made up, as a short guest hardly splits a folio twice.
  const [pool] = document.results;
  assert.ok(pool !== undefined && isRun(pool));
  Object.assign(pool.counters, { splits_2m: 1644, split_distinct_2m: 1622, merges_2m: 52, merge_distinct_2m: 30 });
  const text = tableReport(document);
  assert.match(text, /^rfc-thp .* 1,644 \(1,622\) +52 \(30\) /m);
  assert.match(text, /^splits and merges: events, and in brackets the distinct ranges they were of$/m);
  const page = htmlReport(document);
  for (const note of ['1,622 distinct', '30 distinct']) assert.ok(page.includes(note), note);
  const without = tableReport(await sample({ policies: ['mainline-6.18'] }));
  assert.doesNotMatch(without, /in brackets/);
});

test('a 16 GiB SNP guest is set beside the published run, any other is not', async () => {
  const said = /split \+ merge.*Published for a 16 GiB SNP guest by 2M: 73\.1 M, ~7 % of 1,043,938,460/;
  const guest = (bytes: number) =>
    new OpBuilder()
      .push({ op: 'create', size: bytes })
      .push({ op: 'bind', slot: 0, gpa: 0, size: bytes })
      .push({ op: 'touch', gpa: 0, size: 2 ** 21 })
      .push({ op: 'convert', gpa: 0, size: 4096, to: 'shared' }).stream;
  const options = { policies: ['hugetlb-2m', 'rfc-thp', 'inplace-v6'], samples: 0 } as const;
  const text = (document: ResultsDocument): string => tableReport(document).replace(/\s+/g, ' ');
  const published = await compare(inputOf(guest(2 ** 34)), options);
  assert.match(text(published), said);
  // A split of 2M is 20 000 + 177 x 512 cycles, a plain conversion 1 100: 110 624 of 111 724.
  assert.match(
    text(published),
    /: hugetlb-2m 111 k, 99 % with 1 conversions; rfc-thp 111 k, 99 % with 1 conversions\. Pub/,
  );
  assert.match(htmlReport(published), /Published for a 16 GiB SNP guest/);
  assert.doesNotMatch(text(await compare(inputOf(guest(2 ** 34)), { ...options, arch: 'tdx' })), said);
  assert.doesNotMatch(text(await compare(inputOf(guest(2 ** 33)), options)), said);
  assert.doesNotMatch(text(await compare(inputOf(guest(2 ** 34)), { ...options, policies: ['inplace-v6'] })), said);
});

test('metadata and what is retained: in the table, and a chart each', async () => {
  const document = await sample({ policies: ['mainline-6.18'] });
  const [run] = document.results;
  assert.ok(run !== undefined && isRun(run));
  const text = tableReport(document);
  assert.match(text, / metadata /);
  assert.ok(text.includes(` ${bytes(run.counters.metadata_bytes_modelled_peak)} `));
  const page = htmlReport(document);
  assert.match(page, /<figcaption>Metadata</);
  assert.ok(page.includes(`peak ${bytes(run.counters.metadata_bytes_modelled_peak)}`));
  assert.doesNotMatch(page, /<figcaption>Retained</);
  assert.deepEqual([0, 64, 1024, 4096, 3_145_728].map(bytes), ['0', '64 B', '1 KiB', '4 KiB', '3 MiB']);
});

test('no text report writes a raw control character, whatever the document holds', async () => {
  const document = await sample({ policies: ['rfc-thp'] }, 'a\u001b[31m.jsonl');
  const named: ResultsDocument = {
    ...document,
    results: document.results.map((result) => ({ ...result, policy: '=x\u001b[31m' })),
  };
  for (const text of [tableReport(named), csvReport(named)]) {
    assert.ok(!text.includes('\u001b'));
    assert.ok(text.includes(String.raw`=x\u001b[31m`));
  }
});
