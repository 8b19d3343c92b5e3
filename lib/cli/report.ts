/** `gmem report DIR`: the results of a folder as a report, without running anything again. */
import { Command } from 'commander';
import { readFolder } from '../report/folder.js';
import type { ReportFormat } from '../report/formats.js';
import { filesWritten, keepApart } from './apart.js';
import { EXIT } from './exit.js';
import type { Done } from './main.js';
import { reportOptions } from './options.js';
import { planOutput, sayWritten, writeReports } from './output.js';

interface ReportFlags {
  format?: ReportFormat[];
  output?: string;
  quiet: boolean;
}

export function reportCommand(done: Done): Command {
  const command = new Command('report')
    .summary('make one report of the results in a folder')
    .description(
      'Reads every .json file of DIR, results of compare, replay or run for one input, and reports them together. Nothing runs.',
    )
    .argument('<dir>', 'folder with results (--format json)');
  for (const option of reportOptions('html')) command.addOption(option);
  return command
    .option('-q, --quiet', 'no messages on stderr, only errors', false)
    .addHelpText(
      'after',
      `
Examples:
  gmem replay trace.gmt --policy rfc-thp --format json -o results/rfc-thp.json
  gmem replay trace.gmt --policy hugetlb-2m --format json -o results/hugetlb-2m.json
  gmem report results
  gmem report results --format table --format html -o results/`,
    )
    .action(async (folder: string, flags: ReportFlags) => {
      const targets = await planOutput(flags.format ?? ['html'], flags.output);
      const { document, files: results, skipped } = await readFolder(folder);
      const read = results.map((file) => ({ option: 'DIR', path: file }));
      await keepApart(read, filesWritten({ targets, schema: document.schema }));
      if (!flags.quiet) for (const line of skipped) process.stderr.write(`left out ${line}\n`);
      const files = await writeReports(targets, document);
      if (!flags.quiet) sayWritten(files);
      done(EXIT.done);
    });
}
