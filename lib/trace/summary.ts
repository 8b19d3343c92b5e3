/**
 * What `check` says of an input that has no problems.
 */
import { OP_NAMES } from '../spec/ops.js';
import { formatBytes } from '../spec/units.js';
import type { Input } from './input.js';

/** A few lines of text: format, ops by kind, VMs, files, addresses, memory, time. */
export function summarise(input: Input): string {
  const { extent, ops } = input;
  const kinds = OP_NAMES.filter((name) => extent.ops[name] !== undefined).map((name) => `${name} ${extent.ops[name]}`);
  const lines = [
    `format     ${input.format}: ${input.description}`,
    `ops        ${ops.length}${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}`,
    `vms        ${listed(extent.vms)}`,
    `gmem files ${listed(extent.gmems)}`,
    `addresses  ${extent.gpaEnd === 0 ? 'none' : `[0x${extent.gpaStart.toString(16)}, 0x${extent.gpaEnd.toString(16)})`}`,
    `memory     ${formatBytes(input.guestBytes)}${input.fitted ? ' (fitted: the input creates and binds nothing)' : ''}`,
  ];
  const seconds = duration(input);
  if (seconds !== undefined) lines.push(`time       ${seconds.toFixed(3)} s`);
  return `${lines.join('\n')}\n`;
}

const LISTED = 8;

function listed(ids: readonly number[]): string {
  if (ids.length === 0) return 'none';
  const rest = ids.length - LISTED;
  return `${ids.length} (${ids.slice(0, LISTED).join(', ')}${rest > 0 ? ', …' : ''})`;
}

/** Seconds from the first to the last time of the stream. */
function duration({ ops }: Input): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { stream } of ops.chunks()) {
    for (let i = 0; i < stream.length; i += 1) {
      const t = stream.time(i);
      if (t === undefined) continue;
      first = Math.min(first, t);
      last = Math.max(last, t);
    }
  }
  return last < first ? undefined : (last - first) / 1e6;
}
