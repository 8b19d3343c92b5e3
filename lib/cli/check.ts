/** `gmem check INPUT...`: reads inputs, says what is in them or everything that is wrong with them. */
import { Command, Option } from 'commander';
import { GmemError } from '../engine/error.js';
import { TRACE_FORMAT_NAMES } from '../trace/formats.js';
import { openInput } from '../trace/input.js';
import type { Setting } from '../trace/setting.js';
import { summarise } from '../trace/summary.js';
import { EXIT, type ExitCode, reportError } from './exit.js';
import type { Done } from './main.js';
import { oneOf, setOption } from './options.js';
import { writeOut } from './output.js';

export function checkCommand(done: Done): Command {
  return new Command('check')
    .summary('read inputs and report every problem with its place')
    .description(
      'Reads inputs without running them: prints what is in them, or every problem as file:line:column (exit code 2).',
    )
    .argument('<input...>', 'op streams, traces or scenarios; - is stdin')
    .addOption(
      new Option(
        '--input-format <name>',
        `format of the inputs (default: told by their content): ${TRACE_FORMAT_NAMES.join(', ')}`,
      ).argParser(oneOf('--input-format', TRACE_FORMAT_NAMES)),
    )
    .addOption(setOption())
    .action(async (paths: string[], flags: { inputFormat?: string; set?: Setting[] }) => {
      let code: ExitCode = EXIT.done;
      for (const path of paths) {
        try {
          const summary = summarise(await openInput(path, { format: flags.inputFormat, settings: flags.set }));
          await writeOut(`${path}: ok\n${summary.replace(/^(?=.)/gm, '  ')}`);
        } catch (error) {
          if (!(error instanceof GmemError)) throw error;
          code = reportError(error);
        }
      }
      done(code);
    });
}
