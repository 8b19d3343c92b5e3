/** `gmem convert INPUT -o OUT`: any input as an op stream. */
import { Command, Option } from 'commander';
import { jsonlChunks } from '../ops/jsonl.js';
import { visible } from '../ops/problems.js';
import { grouped } from '../report/format.js';
import { TRACE_FORMAT_NAMES } from '../trace/formats.js';
import { openInput } from '../trace/input.js';
import { OUTPUT_EXTENSIONS, writeStream } from '../trace/output.js';
import type { Setting } from '../trace/setting.js';
import { keepApart } from './apart.js';
import { EXIT } from './exit.js';
import type { Done } from './main.js';
import { oneOf, setOption } from './options.js';
import { writeOut } from './output.js';

export function convertCommand(done: Done): Command {
  return new Command('convert')
    .summary('write any input as an op stream')
    .description(
      `Writes INPUT as an op stream; the ending of OUT says how: ${OUTPUT_EXTENSIONS.join(', ')}. - is JSON lines on stdout.`,
    )
    .argument('<input>', 'op stream, trace or scenario, - for stdin; the format is told by its content')
    .requiredOption('-o, --output <out>', 'file to write, or -')
    .addOption(
      new Option(
        '--input-format <name>',
        `format of INPUT (default: told by its content): ${TRACE_FORMAT_NAMES.join(', ')}`,
      ).argParser(oneOf('--input-format', TRACE_FORMAT_NAMES)),
    )
    .addOption(setOption())
    .option('-q, --quiet', 'no message on stderr', false)
    .action(async (path: string, flags: { output: string; inputFormat?: string; set?: Setting[]; quiet: boolean }) => {
      // A file takes the place of its old self when it is complete, stdout does not wait.
      if (flags.output === '-') await keepApart([{ option: 'INPUT', path }], [{ option: 'stdout', path: '-' }]);
      const { ops, fitted } = await openInput(path, { format: flags.inputFormat, settings: flags.set });
      if (flags.output === '-') for (const chunk of jsonlChunks(ops)) await writeOut(chunk);
      else await writeStream(ops, flags.output);
      if (!flags.quiet && flags.output !== '-') {
        process.stderr.write(
          `wrote ${grouped(ops.length)} ops to ${visible(flags.output)}${fitted ? ', two of them fitted' : ''}\n`,
        );
      }
      done(EXIT.done);
    });
}
