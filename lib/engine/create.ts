/**
 * Which file implements which engine, all of them at hand: for who cannot wait (open.ts loads only the one it needs).
 */
import { createKvmBackend } from '../kvm/backend.js';
import { createReferenceBackend } from '../reference/backend.js';
import type { Backend, BackendOptions, EngineKind } from './backend.js';
import { createNativeBackend } from './native.js';
import { checkRunnable } from './options.js';

export { ENGINES, type EngineOptions, type ResolvedOptions, resolveOptions } from './options.js';

/**
 * Starts an engine.
 *
 * @throws GmemError `ERR_GMEM_POLICY` when the simulators cannot run these knobs on this arch, `ERR_GMEM_ADDON` when the
 * native addon neither loads nor builds, `ERR_GMEM_HOST` when this machine lacks what the engine needs, or the instructions that
 * `simd` forces.
 */
export function createBackend(kind: EngineKind, options: BackendOptions): Backend {
  switch (checkRunnable(kind, options)) {
    case 'kvm':
      return createKvmBackend(options);
    case 'native':
      return createNativeBackend(options);
    case 'reference':
      return createReferenceBackend(options);
  }
}
