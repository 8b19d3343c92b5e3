/**
 * Name and version of the package, from its package.json.
 */
import { createRequire } from 'node:module';

const manifest: { name: string; version: string } = createRequire(import.meta.url)('../../package.json');

export const PACKAGE: { readonly name: string; readonly version: string } = {
  name: manifest.name,
  version: manifest.version,
};
