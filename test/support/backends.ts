/** The engines the tests compare: the one place that names them. */
import { createReferenceBackend } from '../../lib/reference/backend.js';
import type { Engine, Engines } from './differential.js';

export const reference: Engine = { name: 'reference', create: createReferenceBackend };
export const engines: Engines = [reference, reference];
