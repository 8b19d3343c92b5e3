/**
 * Writes what is derived from the scenario schema, or checks it: node tools/scenario-doc.mjs [--write]
 *
 * docs/scenario.schema.json as a whole; in docs/scenarios.md what stands between the two marks.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scenarioJsonSchema, scenarioTables } from '../dist/lib/workload/describe.js';
import { fail, ROOT } from './steps.mjs';

const BEGIN = '<!-- Written by tools/scenario-doc.mjs from lib/workload/schema.ts. -->';
const END = '<!-- End of what is written. -->';

const schema = path.join(ROOT, 'docs/scenario.schema.json');
const page = path.join(ROOT, 'docs/scenarios.md');
const before = readFileSync(page, 'utf8');
const begin = before.indexOf(BEGIN);
const end = before.indexOf(END);
if (begin < 0 || end < begin) fail(`docs/scenarios.md: the marks are missing: ${BEGIN} … ${END}`);

const wanted = new Map([
  [schema, `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`],
  [page, `${before.slice(0, begin)}${BEGIN}\n\n${scenarioTables()}\n${before.slice(end)}`],
]);
for (const [file, text] of wanted) {
  if (process.argv.includes('--write')) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text)
    fail(`${path.relative(ROOT, file)} is out of date: node tools/scenario-doc.mjs --write`);
}
