/**
 * Brings a checkout up to date before npm start and npm test: dependencies, TypeScript, spec header, addon. Does nothing
 * that is already done (content stamps), and only once when two commands start together (lock).
 *
 *     node tools/ensure.mjs [--tests] [--bench]
 *
 * Runs before node_modules exists, so it uses node's own modules only.
 */
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { withLock } from './build-lock.mjs';
import { buildNative, LOCK, requireTools } from './build-native.mjs';
import { fail, filesBelow, fingerprint, ROOT, run, step } from './steps.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 17))
  fail(`node ${process.versions.node} is too old: gmem needs 20.17 or newer`);
// Said before minutes go into packages; what is already built needs no compiler.
if (!existsSync(path.join(ROOT, 'build/Release/gmem.node'))) requireTools();

/** Whether node_modules holds exactly what package-lock.json asks for, by integrity. */
function installed() {
  const wanted = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')).packages;
  let present;
  try {
    present = JSON.parse(readFileSync(path.join(ROOT, 'node_modules/.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  const same = Object.entries(wanted).every(
    ([name, entry]) =>
      name === '' || (name in present ? present[name].integrity === entry.integrity : entry.optional === true),
  );
  return same && Object.keys(present).every((name) => name in wanted);
}

function typescript() {
  const inputs = filesBelow('lib', 'test', 'bench', 'tsconfig.json', 'package.json', 'package-lock.json');
  step('dist/.stamp', fingerprint(inputs), ['dist/.tsbuildinfo'], () => {
    run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', '.');
    // What was compiled from a source that is gone must not be packed, nor found by an import.
    for (const file of filesBelow('dist/lib', 'dist/test', 'dist/bench')) {
      const source = file.replace(/^dist./, '').replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
      if (!inputs.includes(source)) rmSync(path.join(ROOT, file));
    }
  });
}

withLock(
  LOCK,
  () => {
    if (!installed()) {
      // npm ci empties the folder first, and behind a link that is another checkout's.
      const folder = lstatSync(path.join(ROOT, 'node_modules'), { throwIfNoEntry: false });
      if (folder?.isSymbolicLink()) {
        process.stderr.write('node_modules is a link and not what package-lock.json asks for: left as it is\n');
      } else {
        // NODE_ENV=production must not leave out the compiler.
        run('npm', 'ci', '--include=dev', '--no-audit', '--no-fund');
      }
    }
    typescript();
    buildNative({ tests: process.argv.includes('--tests'), bench: process.argv.includes('--bench') });
  },
  () => process.stderr.write('waiting for another build\n'),
);
