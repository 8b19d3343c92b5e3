/**
 * The engines the shared rules run on: those of backends.ts, by name.
 */
import type { Backend, BackendOptions } from '../../lib/engine/backend.js';
import { engines } from './backends.js';

export function engineKinds(): string[] {
  return engines.map(({ name }) => name);
}

/** @param kind one of `engineKinds()`. */
export function makeBackend(kind: string, options: BackendOptions): Backend {
  const engine = engines.find(({ name }) => name === kind);
  if (engine === undefined) throw new Error(`no engine ${kind}, there are: ${engineKinds().join(', ')}`);
  return engine.create(options);
}
