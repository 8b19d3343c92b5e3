/**
 * Writes docs/historical-faults.md, or checks it: node tools/historical-faults-doc.mjs [--write | --search]
 *
 * --write writes the page from the recorded streams; --search first looks for the shortest streams again, for which it
 * takes the best of the first few finds of each fault, and records them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { catches, FAULT_NAMES, faultOf, soundAgree } from '../dist/test/support/historical.js';
import { historicalFaultsPage, record } from '../dist/test/support/historical-doc.js';
import { fail, ROOT } from './steps.mjs';

const FINDS = 3;
const data = path.join(ROOT, 'test/data/historical-faults.json');
const page = path.join(ROOT, 'docs/historical-faults.md');

function shortest(name) {
  let best;
  let finds = 0;
  for (const caught of catches(name)) {
    if (!soundAgree(caught.plan)) fail(`${name}: native and reference differ without the fault`);
    if (best === undefined || caught.plan.ops.length < best.plan.ops.length) best = caught;
    finds += 1;
    if (finds === FINDS) break;
  }
  if (best === undefined) fail(`${name}: not found`);
  process.stderr.write(`H${faultOf(name).number} ${name}: ${best.plan.ops.length} ops\n`);
  return [name, record(best)];
}

if (process.argv.includes('--search')) {
  writeFileSync(data, `${JSON.stringify(Object.fromEntries(FAULT_NAMES.map(shortest)), null, 2)}\n`);
}
const text = historicalFaultsPage(JSON.parse(readFileSync(data, 'utf8')));
if (process.argv.includes('--search') || process.argv.includes('--write')) writeFileSync(page, text);
else if (readFileSync(page, 'utf8') !== text) {
  fail('docs/historical-faults.md is out of date: node tools/historical-faults-doc.mjs --write');
}
