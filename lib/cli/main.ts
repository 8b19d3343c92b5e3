#!/usr/bin/env node
/**
 * The command `gmem`. A verb is a file; this one puts them together and turns what they throw into an exit code.
 */
import { Command, type OutputConfiguration } from 'commander';
import { PACKAGE } from '../version.js';
import { EXIT, type ExitCode, reportError, UsageError } from './exit.js';
import { refuseTwice, unknownName } from './options.js';
import { endWithStdout } from './output.js';

type MakeCommand = (done: Done) => Command;

/** Verbs in the order help shows them. A verb's code is loaded when it is used, or when all are described. */
const VERBS: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  compare: async () => (await import('./compare.js')).compareCommand,
  replay: async () => (await import('./replay.js')).replayCommand,
  run: async () => (await import('./run.js')).runCommand,
  check: async () => (await import('./check.js')).checkCommand,
  convert: async () => (await import('./convert.js')).convertCommand,
  conform: async () => (await import('./conform.js')).conformCommand,
  report: async () => (await import('./report.js')).reportCommand,
  calibrate: async () => (await import('./calibrate.js')).calibrateCommand,
  policies: async () => (await import('./policies.js')).policiesCommand,
  version: async () => (await import('./version.js')).versionCommand,
};

/** What commander says of a wrong command line begins as everything else does. */
const OUTPUT: OutputConfiguration = {
  outputError: (text, write) => write(text.replace(/^error: /, `gmem: `)),
};

/** How a verb says its exit code. */
export type Done = (code: ExitCode) => void;

async function main(args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const done: Done = (said) => {
    code = said;
  };
  const first = args[0];
  const names = Object.keys(VERBS);
  const wanted = first !== undefined && names.includes(first) ? [first] : names;
  const verbs = await Promise.all(wanted.map(async (name) => (await VERBS[name]?.())?.(done) as Command));
  const program = new Command('gmem')
    .description('Runs, measures and compares the designs for guest_memfd (gmem) on simulated guests.')
    .version(`${PACKAGE.name} ${PACKAGE.version}`, '-V, --version')
    .showHelpAfterError('(gmem VERB --help says more)')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput(OUTPUT)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 an invariant failed or the run broke, 2 usage or bad input, 3 a --fail-if was met, 130 interrupted.',
    )
    .exitOverride();
  for (const verb of verbs) {
    verb.exitOverride().showHelpAfterError(`(gmem ${verb.name()} --help says more)`).configureOutput(OUTPUT);
    refuseTwice(verb);
    program.addCommand(verb);
  }
  if (first === undefined) {
    process.stderr.write(program.helpInformation());
    return EXIT.usage;
  }
  if (!first.startsWith('-') && first !== 'help' && !names.includes(first)) {
    throw new UsageError(`verb: ${unknownName(first, names)}`);
  }
  const asked = first === 'help' ? args[1] : undefined;
  if (asked !== undefined && !asked.startsWith('-') && asked !== 'help' && !names.includes(asked)) {
    throw new UsageError(`verb: ${unknownName(asked, names)}`);
  }
  await program.parseAsync([...args], { from: 'user' });
  return code;
}

endWithStdout();
process.exitCode = await main(process.argv.slice(2)).catch(reportError);
