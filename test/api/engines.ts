/** What the API tests share: each of them runs on every engine. */
import { createEngine, type Engine, type EngineOptions } from '../../lib/index.js';

/** The engines that simulate: the ones the tests can ask everything. */
export const ENGINES = ['native', 'reference'] as const;

export const MiB = 2 ** 20;

/** A small engine under `rfc-thp`, unless told otherwise. */
export function start(engine: EngineOptions['engine'], options: Partial<EngineOptions> = {}): Engine {
  return createEngine({ policy: 'rfc-thp', memory: '64MiB', engine, ...options });
}

/** The same with one file of 8 MiB at gpa 0 of VM 0; `arch` decides its initial kind. */
export function startBound(engine: EngineOptions['engine'], options: Partial<EngineOptions> = {}) {
  const host = start(engine, { arch: 'snp', ...options });
  const vm = host.vm(0);
  const gmem = vm.createGmem({ size: '8MiB' });
  vm.bind({ slot: 0, gpa: 0, size: '8MiB', gmem });
  return { host, vm, gmem };
}
