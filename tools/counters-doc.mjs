/**
 * Writes docs/counters.md from lib/spec/counters.ts, or checks it: node tools/counters-doc.mjs [--write]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { COUNTERS } from '../dist/lib/spec/counters.js';
import { fail, ROOT } from './steps.mjs';

const file = path.join(ROOT, 'docs/counters.md');
const text = `# Counters

<!-- Written by tools/counters-doc.mjs from lib/spec/counters.ts. -->

What \`engine.counters()\` and the \`counters\` object of \`gmem compare\` and \`gmem replay\` hold. Every counter is exact
and deterministic: for one op stream, policy, arch and seed each engine reports the same numbers, whatever the machine.
Figures of the machine (time, resident memory) are kept apart, in \`host\`.

Names ending in \`_4k\`, \`_2m\`, \`_1g\` count events by size; \`_peak\` is a maximum taken after every single
allocation, \`_end\` the value now. Pages are 4 KiB. When each is counted is in [semantics.md](semantics.md).

| counter | counts |
|---|---|
${Object.entries(COUNTERS)
  .map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  .join('\n')}
| \`errors\` | refused ops by errno name, an object |
`;

if (process.argv.includes('--write')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text)
  fail('docs/counters.md is out of date: node tools/counters-doc.mjs --write');
