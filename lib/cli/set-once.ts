/**
 * Keys of a scenario can be set by options of their own, by `--set` and by a sweep. Where two of these set one key, one value would
 * be used and the report would name the other.
 */
import type { Sweep } from '../compare/sweep.js';
import { asSetting, keyOf } from '../trace/setting.js';
import { UsageError } from './exit.js';
import type { RunFlags } from './options.js';

export function checkSetOnce({ arch, memory, seed, set }: RunFlags, sweep: Sweep | undefined): void {
  const by = new Map<string, string>();
  const note = (label: string, key: string): void => {
    const other = by.get(key);
    if (other !== undefined && other !== label) {
      throw new UsageError(`${label}: ${key} is set by ${other} too. Accepted: one of them`);
    }
    by.set(key, label);
  };
  if (arch !== undefined) note('--arch', 'machine.arch');
  if (memory !== undefined) note('--memory', 'machine.hostMemory');
  if (seed !== undefined) note('--seed', 'machine.seed');
  for (const { text, label } of (set ?? []).map(asSetting)) note(label, keyOf(text));
  if (sweep !== undefined) note('--sweep', keyOf(sweep.key));
}
