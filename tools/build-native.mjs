/**
 * Builds the native engine through cmake-js into build/<config>, if its sources changed since the last time.
 *
 *     node tools/build-native.mjs [--tests] [--bench] [--config Release|Debug|RelWithDebInfo] [--unless-it-loads]
 *
 * An installed package runs it (--unless-it-loads: whatever the stamp says) when its binary does not load. Needs cmake, a C++ compiler and make
 * or ninja from the system; nothing is downloaded (package.json `binary.napi_versions` makes cmake-js use the headers
 * of the node-api-headers package).
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withLock } from './build-lock.mjs';
import { fail, filesBelow, fingerprint, ROOT, run, step } from './steps.mjs';

export const LOCK = path.join(ROOT, 'build/.lock');
const SPEC = 'build/generated/spec.gen.h';

function found(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Ends with one line that says what to install when a tool is missing. */
export function requireTools() {
  const compiler = process.env.CXX;
  const missing = [];
  if (!found('cmake')) missing.push('cmake');
  if (compiler !== undefined ? !found(compiler) : !found('g++') && !found('c++')) missing.push(compiler ?? 'g++');
  if (!found('make') && !found('ninja')) missing.push('make');
  if (missing.length > 0) fail(`${missing.join(', ')} not found: apt install cmake g++ make`);
}

function loads(addon) {
  try {
    createRequire(import.meta.url)(path.join(ROOT, addon));
    return true;
  } catch {
    return false;
  }
}

/**
 * Forgets a CMake folder that was made for another place: of a checkout that was moved or copied, where CMake would go on
 * building in the place it came from.
 */
export function forgetMoved(scratch) {
  let cache;
  try {
    cache = readFileSync(path.join(scratch, 'CMakeCache.txt'), 'utf8');
  } catch {
    return;
  }
  const made = /^CMAKE_CACHEFILE_DIR:INTERNAL=(.*)$/m.exec(cache)?.[1];
  if (made !== scratch && made !== realpathSync(scratch)) rmSync(scratch, { recursive: true, force: true });
}

/** Builds what is out of date: the addon, `tests` and `bench` if asked for. The caller holds the build lock. */
export function buildNative({
  tests = false,
  bench = false,
  config = 'Release',
  'unless-it-loads': unlessItLoads = false,
} = {}) {
  if (unlessItLoads) {
    const addon = `build/${config}/gmem.node`;
    if (loads(addon)) return;
    // Whatever the stamp says: it is no use here.
    rmSync(path.join(ROOT, addon), { force: true });
  }
  step('build/.spec-stamp', fingerprint(filesBelow('dist/lib/spec')), [SPEC], () =>
    run(process.execPath, 'dist/lib/spec/native-header.js', SPEC),
  );
  const inputs = filesBelow('native', 'CMakeLists.txt', SPEC);
  const has = (directory) => inputs.some((file) => file.startsWith(directory) && file.endsWith('.cc'));
  const print = fingerprint(inputs, process.platform, process.arch, process.env.CXX ?? '', process.env.CXXFLAGS ?? '');
  // CMake's own files stay out of build/ itself, where node-gyp keeps a Makefile.
  const scratch = path.join(ROOT, `build/cmake-${config}`);
  const build = (target) => {
    requireTools();
    forgetMoved(scratch);
    const cli = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
    const parallel = String(Math.min(8, availableParallelism()));
    const place = ['-d', ROOT, '-O', scratch, '-B', config, '-l', 'warn', '-p', parallel];
    const flags = [...place, '--CDGMEM_TESTS=ON', '--CDGMEM_BENCH=ON'];
    // `build` alone keeps the flags a directory was configured with before.
    run(process.execPath, cli, 'configure', ...flags);
    run(process.execPath, cli, 'build', ...flags, '-T', target);
  };
  const made = (target, file) => {
    const output = `build/${config}/${file}`;
    step(`build/.${config}-${target}-stamp`, print, [output], () => {
      // A failed build leaves no binary that could pass for the new one.
      rmSync(path.join(ROOT, output), { force: true });
      build(target);
    });
  };
  if (has('native/addon')) made('gmem', 'gmem.node');
  if (tests && has('native/test')) made('gmem_core_tests', 'gmem_core_tests');
  if (bench && has('native/bench')) made('gmem_core_bench', 'gmem_core_bench');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      tests: { type: 'boolean' },
      bench: { type: 'boolean' },
      config: { type: 'string' },
      'unless-it-loads': { type: 'boolean' },
    },
  });
  withLock(
    LOCK,
    () => buildNative(values),
    () => process.stderr.write('waiting for another build\n'),
  );
}
