/**
 * Loads the native addon, and builds it first where it is missing or was built for another system.
 *
 * An installed package carries the binary of the machine that packed it; where that one does not load, the sources
 * beside it are built once, through cmake-js, under a lock, without a download. Environment: `GMEM_ADDON` names another
 * binary, `GMEM_BUILD` another build (`Debug`) of this folder; neither is ever built here.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { GmemError } from './error.js';

/** dist/lib/engine/addon.js -> the package's folder. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const INSTEAD = "the reference engine needs no addon: engine 'reference', --engine reference";

let loaded: unknown;

/**
 * The addon's exports.
 *
 * @throws GmemError `ERR_GMEM_ADDON` when it neither loads nor builds; the message says what to do.
 */
export function loadAddon(): unknown {
  loaded ??= load();
  return loaded;
}

/** The addon's exports where they load as they are; nothing is built for it, and nothing is thrown. */
export function addonIfBuilt(): unknown {
  if (loaded !== undefined) return loaded;
  const { GMEM_ADDON: named, GMEM_BUILD: build } = process.env;
  try {
    loaded = named === undefined ? open('build', build ?? 'Release') : open(path.resolve(named));
  } catch {
    // Who cannot do without it asks loadAddon, which says why.
  }
  return loaded;
}

function load(): unknown {
  const named = process.env.GMEM_ADDON;
  const build = process.env.GMEM_BUILD;
  if (named !== undefined || build !== undefined) {
    try {
      return named === undefined ? open('build', build as string) : open(path.resolve(named));
    } catch (cause) {
      const what = named === undefined ? `GMEM_BUILD=${build}` : `GMEM_ADDON=${named}`;
      throw new GmemError('ERR_GMEM_ADDON', `${what}: the addon does not load: ${firstLine(cause)}`, { cause });
    }
  }
  try {
    return open('build', 'Release');
  } catch {
    buildAddon();
  }
  try {
    return open('build', 'Release');
  } catch (cause) {
    throw new GmemError('ERR_GMEM_ADDON', `the addon does not load: ${firstLine(cause)}; ${INSTEAD}`, { cause });
  }
}

/** One place and no search: a forgotten debug build must not be what is measured. */
function open(...place: string[]): unknown {
  const exact = path.isAbsolute(place[0] as string) ? place : ['module_root', ...place, 'bindings'];
  return bindings({ bindings: 'gmem', module_root: ROOT, try: [exact] } as unknown as string);
}

function buildAddon(): void {
  process.stderr.write(`gmem: building the native engine in ${ROOT}, once\n`);
  const script = path.join(ROOT, 'tools', 'build-native.mjs');
  const child = spawnSync(process.execPath, [script, '--unless-it-loads'], { encoding: 'utf8' });
  if (child.status === 0) return;
  const said = `${child.stdout ?? ''}${child.stderr ?? ''}`.trim();
  const why = child.error?.message ?? said.slice(-2000);
  throw new GmemError('ERR_GMEM_ADDON', `the native engine could not be built: ${why}\n${INSTEAD}`);
}

/** In one line; where no file is found, which were looked for. */
function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const { tries } = Object(cause) as { tries?: readonly string[] };
  if (tries !== undefined) return `there is no file ${tries.join(', ')}`;
  if (cause instanceof SyntaxError) return 'it is no addon binary, accepted: a .node file';
  return message.split('\n', 1)[0] as string;
}
