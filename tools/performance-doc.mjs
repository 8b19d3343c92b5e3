/**
 * Writes docs/performance.md and its plot from docs/performance.json, or checks them: node tools/performance-doc.mjs [--write]
 *
 * The figures come from a run: npm run bench -- --write-docs.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { performanceFiles, recordedRun, writePerformance } from '../dist/bench/page.js';
import { fail, ROOT } from './steps.mjs';

const document = recordedRun();
if (process.argv.includes('--write')) writePerformance(document);
else {
  for (const [file, text] of performanceFiles(document)) {
    if (readFileSync(file, 'utf8') === text) continue;
    fail(`${path.relative(ROOT, file)} is out of date: node tools/performance-doc.mjs --write`);
  }
}
