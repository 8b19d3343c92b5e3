/**
 * Starts an engine and loads its code only then: the command is used for single runs, and most of what there is to load is
 * not needed for any one of them.
 */
import type { Backend, BackendOptions, EngineKind } from './backend.js';
import { checkRunnable } from './options.js';

/** As `createBackend`. @throws GmemError the same, as a rejection. */
export async function openBackend(kind: EngineKind, options: BackendOptions): Promise<Backend> {
  switch (checkRunnable(kind, options)) {
    case 'kvm':
      return (await import('../kvm/backend.js')).createKvmBackend(options);
    case 'native':
      return (await import('./native.js')).createNativeBackend(options);
    case 'reference':
      return (await import('../reference/backend.js')).createReferenceBackend(options);
  }
}
