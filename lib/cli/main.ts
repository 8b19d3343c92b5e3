#!/usr/bin/env node
/**
 * The command `gmem`. A verb is a file; this one puts them together and turns what they throw into an exit code.
 */
import { Command } from 'commander';
import { PACKAGE } from '../version.js';
import { calibrateCommand } from './calibrate.js';
import { checkCommand } from './check.js';
import { compareCommand } from './compare.js';
import { conformCommand } from './conform.js';
import { convertCommand } from './convert.js';
import { EXIT, type ExitCode, reportError, UsageError } from './exit.js';
import { unknownName } from './options.js';
import { endWithStdout } from './output.js';
import { policiesCommand } from './policies.js';
import { replayCommand } from './replay.js';
import { runCommand } from './run.js';
import { versionCommand } from './version.js';

/** How a verb says its exit code. */
export type Done = (code: ExitCode) => void;

async function main(args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const done: Done = (said) => {
    code = said;
  };
  const verbs = [
    compareCommand,
    replayCommand,
    runCommand,
    checkCommand,
    convertCommand,
    conformCommand,
    calibrateCommand,
    policiesCommand,
    versionCommand,
  ].map((make) => make(done));
  const program = new Command('gmem')
    .description('Runs, measures and compares the designs for guest_memfd (gmem) on simulated guests.')
    .version(`${PACKAGE.name} ${PACKAGE.version}`, '-V, --version')
    .showHelpAfterError('(gmem VERB --help says more)')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 an invariant failed or the run broke, 2 usage or bad input, 130 interrupted.',
    )
    .exitOverride();
  for (const verb of verbs) {
    verb.exitOverride().showHelpAfterError(`(gmem ${verb.name()} --help says more)`);
    program.addCommand(verb);
  }
  const first = args[0];
  const names = verbs.map((verb) => verb.name());
  if (first === undefined) {
    process.stderr.write(program.helpInformation());
    return EXIT.usage;
  }
  if (!first.startsWith('-') && first !== 'help' && !names.includes(first)) {
    throw new UsageError(`verb: ${unknownName(first, names)}`);
  }
  await program.parseAsync([...args], { from: 'user' });
  return code;
}

endWithStdout();
process.exitCode = await main(process.argv.slice(2)).catch(reportError);
