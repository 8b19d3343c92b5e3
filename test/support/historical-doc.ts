/**
 * docs/historical-faults.md: what the declaration says of each fault, and what the recorded stream shows when it is run
 * again. The streams are kept in test/data/historical-faults.json, so that the page is current whatever becomes of the
 * random streams they once were a part of.
 */
import { parseJsonl } from '../../lib/ops/jsonl.js';
import { PRESETS, type PresetName } from '../../lib/policy/presets.js';
import type { HistoricalFault } from '../../lib/reference/historical.js';
import type { Arch } from '../../lib/spec/knobs.js';
import { type Case, type Difference, difference } from './differential.js';
import { type Caught, FAULT_NAMES, faultOf, faultyEngines } from './historical.js';
import { linesOf } from './ops.js';

/** The smallest stream found for a fault. */
export interface Recorded {
  /** Test of the differential suite that found it. */
  readonly test: string;
  readonly policy: PresetName;
  readonly arch: Arch;
  readonly memoryBytes: number;
  readonly contents: boolean;
  readonly seed: number;
  /** JSON lines. */
  readonly ops: readonly string[];
}

export type Records = { readonly [F in HistoricalFault]: Recorded };

const SHOWN_LINES = 4;

export function record({ test, plan }: Caught): Recorded {
  const { policy, arch, memoryBytes, contents, seed } = plan;
  return { test, policy: policy as PresetName, arch, memoryBytes, contents, seed, ops: linesOf(plan.ops) };
}

export function planOf({ policy, arch, memoryBytes, contents, seed, ops }: Recorded): Case {
  const { records } = parseJsonl(ops.join('\n'), 'recorded');
  const fields = Array.from({ length: records.length }, (_, i) => records.read(i));
  return { policy, knobs: PRESETS[policy].knobs, arch, memoryBytes, contents, seed, ops: fields };
}

/** What the suite says of a recorded stream now; a stream that shows nothing any more is an error. */
export function seen(name: HistoricalFault, recorded: Recorded): Difference {
  const found = difference(faultyEngines(name), planOf(recorded), { chunk: 1 });
  if (found === undefined) throw new Error(`${name}: the recorded stream shows no difference`);
  return found;
}

export function historicalFaultsPage(records: Records): string {
  const rows = FAULT_NAMES.map((name) => {
    const { number, goesWrong, seenIn } = faultOf(name);
    const { test, ops } = records[name];
    return `| H${number} | [${name}](#${name}) | ${goesWrong} | ${seenIn} | ${test} | ${ops.length} |`;
  });
  return `# Historical faults

<!-- Written by tools/historical-faults-doc.mjs from lib/reference/historical.ts and test/data/historical-faults.json. -->

Twenty mistakes that were in published guest_memfd series. Each is a switch of the reference engine, off unless a test
turns it on (\`lib/reference/historical.ts\`); nothing in the package can reach it. \`test/historical-faults.test.ts\` turns
on one after the other and runs the streams of the differential suite (\`test/differential.test.ts\`: native against
reference, outcomes, counters, page views, \`verify()\`), no more than that suite runs by default. Each must be found, and
shrunk to a few ops. *Caught by* is the test of the suite whose stream the one shown here was shrunk from.

| | fault | what goes wrong | seen in | caught by | ops |
|---|---|---|---|---|---|
${rows.join('\n')}

${FAULT_NAMES.map((name) => section(name, records[name])).join('\n\n')}
`;
}

function section(name: HistoricalFault, recorded: Recorded): string {
  const { number, modelled } = faultOf(name);
  const { policy, arch, memoryBytes, ops } = recorded;
  return [
    `## ${name}`,
    '',
    `H${number}. In the engine: ${modelled}.`,
    '',
    `Policy \`${policy}\`, arch ${arch}, ${memoryBytes / 2 ** 20} MiB of memory:`,
    '',
    '```json',
    ...ops,
    '```',
    '',
    '```text',
    ...shown(seen(name, recorded)),
    '```',
  ].join('\n');
}

/** The first lines of a difference, without raw records and without the stack of what was thrown. */
export function shown({ what, message }: Difference): string[] {
  const lines = message.split('\n').map((line) => line.replace(/ \(record [0-9a-f]+\)$/, ''));
  if (what === 'throws') return [`faulty throws ${lines[0]}`];
  return lines.length > SHOWN_LINES ? [...lines.slice(0, SHOWN_LINES), '…'] : lines;
}
