/**
 * What the command line of the benchmarks takes, and what it says of itself.
 */
import { parseArgs } from 'node:util';
import { didYouMean } from '../lib/ops/suggest.js';
import { CORE_PROGRAM } from './core.js';

const OPTIONS = {
  'write-docs': 'make docs/performance.md of the run, which must be a whole one',
  help: 'this',
} as const;
type Name = keyof typeof OPTIONS;
const ACCEPTED = (Object.keys(OPTIONS) as Name[]).map((name) => `--${name}`);

export interface Arguments {
  readonly parts: readonly string[];
  readonly writeDocs: boolean;
  readonly help: boolean;
}

/** The arguments, or as text what is wrong with them. */
export function parseArguments(args: readonly string[]): Arguments | string {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    allowPositionals: true,
    strict: false,
    tokens: true,
    options: { 'write-docs': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    if (!Object.hasOwn(OPTIONS, token.name)) {
      const hint = didYouMean(token.rawName, ACCEPTED);
      return `unknown option ${token.rawName}${hint === '' ? '.' : hint} Accepted: ${ACCEPTED.join(', ')}`;
    }
    if (token.value !== undefined) return `${token.rawName}: takes no value`;
  }
  const given = { parts: positionals, writeDocs: values['write-docs'] === true, help: values.help === true };
  if (given.writeDocs && positionals.length > 0) return '--write-docs takes a whole run, no NAME';
  return given;
}

/**
 * The names there are, of one of which a NAME is a part.
 *
 * @param core those of gmem_core_bench, `undefined` when it is not built.
 */
export function namesText(names: readonly string[], core: readonly string[] | undefined): string {
  const unknown = `(not built: npm run bench builds it, and ${CORE_PROGRAM} --list prints its names)`;
  const lines = (title: string, all: readonly string[]): string =>
    `${title}:\n${all.map((name) => `  ${name}\n`).join('')}`;
  return `${lines('from JavaScript', names)}${lines('of the core, C++ alone', core ?? [unknown])}`;
}

export function usageText(names: string): string {
  const width = Math.max(...ACCEPTED.map((option) => option.length));
  const options = Object.entries(OPTIONS).map(([name, what]) => `  ${`--${name}`.padEnd(width)}  ${what}\n`);
  return (
    'Usage: npm run bench [-- NAME ...] [-- --write-docs]\n\n' +
    'Runs the benchmarks with a NAME in their names, or all: medians on stdout, and as JSON in build/bench.json.\n\n' +
    `Options:\n${options.join('')}\nNames, ${names}`
  );
}
