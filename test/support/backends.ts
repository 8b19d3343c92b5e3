/** The engines the tests compare: the one place that names them. */
import { createNativeBackend } from '../../lib/engine/native.js';
import { createReferenceBackend } from '../../lib/reference/backend.js';
import type { Engine, Engines } from './differential.js';

export const reference: Engine = { name: 'reference', create: createReferenceBackend };
export const native: Engine = { name: 'native', create: createNativeBackend };
export const engines: Engines = [native, reference];
