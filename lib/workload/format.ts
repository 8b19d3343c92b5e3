/**
 * A scenario as an input like any trace: recognised by its `schema` key. What reads it is loaded when there is one.
 */
import type { TraceFormat } from '../trace/format.js';

export const SCENARIO_FORMAT: TraceFormat = {
  name: 'scenario',
  description: 'scenario, YAML with schema: gmem.scenario/1',
  /** The key at the begin of a line, whatever version. */
  sniff: (head) => head.search(/^(?:\u00ef\u00bb\u00bf)?["']?schema["']?[ \t]*:[ \t]*["']?gmem\.scenario\//m),
  reader: async (file, _sizeBytes, settings = []) => new (await import('./reader.js')).ScenarioReader(file, settings),
  takesSettings: true,
};
