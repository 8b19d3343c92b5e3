/**
 * A scenario as an input like any trace: recognised by its `schema` key.
 */
import { inputError } from '../ops/problems.js';
import type { OpSource } from '../ops/source.js';
import type { RunWishes, StreamReader, TraceFormat } from '../trace/format.js';
import { SCENARIO_BYTES_LIMIT } from './parse.js';
import { scenarioFrom } from './scenario.js';

class ScenarioReader implements StreamReader {
  wishes: RunWishes | undefined;
  readonly #file: string;
  readonly #settings: readonly string[];
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(file: string, settings: readonly string[]) {
    this.#file = file;
    this.#settings = settings;
  }

  push(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#length > SCENARIO_BYTES_LIMIT)
      throw inputError(this.#file, 'is too large, accepted: scenarios up to 1 MiB');
    this.#chunks.push(chunk);
  }

  finish(): OpSource {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(this.#chunks));
    } catch {
      throw inputError(this.#file, 'is not UTF-8, accepted: YAML in UTF-8');
    }
    const { policies, arch, seed, hostMemoryBytes, ops } = scenarioFrom(text, this.#file, { set: this.#settings });
    this.wishes = { policies, arch, seed, memoryBytes: hostMemoryBytes };
    return ops;
  }
}

export const SCENARIO_FORMAT: TraceFormat = {
  name: 'scenario',
  description: 'scenario, YAML with schema: gmem.scenario/1',
  /** The key at the begin of a line, whatever version. */
  sniff: (head) => head.search(/^(?:\u00ef\u00bb\u00bf)?["']?schema["']?[ \t]*:[ \t]*["']?gmem\.scenario\//m),
  reader: (file, _sizeBytes, settings = []) => new ScenarioReader(file, settings),
  takesSettings: true,
};
