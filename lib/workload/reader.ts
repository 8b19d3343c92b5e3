/**
 * Reads a scenario as it comes, like any trace.
 */
import { inputError } from '../ops/problems.js';
import type { OpSource } from '../ops/source.js';
import type { RunWishes, StreamReader } from '../trace/format.js';
import type { Setting } from '../trace/setting.js';
import { SCENARIO_BYTES_LIMIT } from './parse.js';
import { scenarioFrom } from './scenario.js';

export class ScenarioReader implements StreamReader {
  wishes: RunWishes | undefined;
  readonly #file: string;
  readonly #settings: readonly Setting[];
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(file: string, settings: readonly Setting[]) {
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
