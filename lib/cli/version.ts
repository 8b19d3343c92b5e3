/** `gmem version`: of the package, and with --json of what it runs on. */
import { arch, cpus, release } from 'node:os';
import { Command } from 'commander';
import { ENGINES } from '../engine/options.js';
import { PACKAGE } from '../version.js';
import { EXIT } from './exit.js';
import type { Done } from './main.js';
import { writeOut } from './output.js';

export function versionCommand(done: Done): Command {
  return new Command('version')
    .summary('print the version')
    .description('Prints the version; with --json also what it runs on.')
    .option('--json', 'as JSON', false)
    .action(async (flags: { json: boolean }) => {
      const machine = { node: process.version, platform: process.platform, arch: arch(), kernel: release() };
      const facts = { ...PACKAGE, engines: ENGINES, ...machine, cpu: cpus()[0]?.model.trim() ?? 'unknown' };
      await writeOut(flags.json ? `${JSON.stringify(facts, null, 2)}\n` : `${PACKAGE.name} ${PACKAGE.version}\n`);
      done(EXIT.done);
    });
}
