/**
 * What is shown of a failing stream: the difference by name, the stream as a .jsonl that `gmem replay` reads, and where
 * that file was written.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PRESETS } from '../../lib/policy/presets.js';
import { KNOB_NAMES } from '../../lib/spec/knobs.js';
import type { Case, Difference, Engines } from './differential.js';
import { linesOf, nameOf, op } from './ops.js';
import { shrink } from './shrink.js';

/** Directory failing streams are written to; `GMEM_FAILURES` overrides. */
const DIRECTORY = process.env.GMEM_FAILURES ?? join(tmpdir(), 'gmem-failures');

/** Shrinks, writes the stream to `directory` and describes it; `origin` says where it came from and names the file. */
export function describeFailure(
  engines: Engines,
  failing: Case,
  found: Difference,
  origin: string,
  directory = DIRECTORY,
): string {
  const { plan, difference, runs } = shrink(engines, failing, found);
  // A stream that creates and binds nothing would be given memory by `gmem replay`: a create that is refused prevents it.
  const settled = plan.ops.some((fields) => ['create', 'bind'].includes(nameOf(fields)));
  const lines = linesOf(settled ? plan.ops : [...plan.ops, op('create', { gmem: 65535, size: 0 })]);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${origin.replaceAll(/[^\w.-]+/g, '-')}.jsonl`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return [
    `${origin}: ${difference.message}`,
    `shrunk from ${failing.ops.length} to ${plan.ops.length} ops in ${runs} runs, written to ${file}:`,
    ...lines,
    `${policyOf(plan)}, arch ${plan.arch}, memory ${plan.memoryBytes}, contents ${plan.contents}, seed ${plan.seed}`,
    ...replayOf(plan, file),
  ].join('\n');
}

/** The policy: its name, or the knobs in which it differs from mainline-6.18. */
function policyOf({ policy, knobs }: Case): string {
  if (Object.hasOwn(PRESETS, policy)) return `policy ${policy}`;
  const base = PRESETS['mainline-6.18'].knobs;
  const different = KNOB_NAMES.filter((name) => knobs[name] !== base[name]);
  return `policy mainline-6.18 with ${JSON.stringify(Object.fromEntries(different.map((name) => [name, knobs[name]])))}`;
}

/** The command that shows each engine's answers; only presets have a name the command line knows. */
function replayOf({ policy, arch, memoryBytes, seed }: Case, file: string): string[] {
  if (!Object.hasOwn(PRESETS, policy)) return [];
  return [`gmem replay ${file} --policy ${policy} --arch ${arch} --memory ${memoryBytes} --seed ${seed} --outcomes -`];
}
