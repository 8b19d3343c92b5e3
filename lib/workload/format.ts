/**
 * A scenario as an input like any trace: recognised by its `schema` key. What reads it is loaded when there is one.
 */
import type { TraceFormat } from '../trace/format.js';
import { flowKeys } from './flow-keys.js';

export const SCENARIO_FORMAT: TraceFormat = {
  name: 'scenario',
  description: 'scenario, YAML with schema: gmem.scenario/1',
  /** The key at the begin of a line, whatever version; or all of it in braces, as JSON is. */
  sniff: (head) =>
    inBraces(head) ? 0 : head.search(/^(?:\u00ef\u00bb\u00bf)?["']?schema["']?[ \t]*:[ \t]*["']?gmem\.scenario\//m),
  reader: async (file, _sizeBytes, settings = []) => new (await import('./reader.js')).ScenarioReader(file, settings),
  takesSettings: true,
};

/** One mapping that says it is a scenario, or has what only a scenario has: its `schema` is then what is missing. */
function inBraces(head: string): boolean {
  const keys = flowKeys(head);
  if (keys === undefined || keys.has('op')) return false;
  return keys.get('schema')?.startsWith('gmem.scenario/') ?? (keys.has('guests') || keys.has('phases'));
}
