/**
 * A comparison as text for a terminal: one row a policy, numbers to the right, columns that are zero everywhere left out and
 * named below.
 */
import { COMPARE_SCHEMA, isRun, type ResultsDocument, type RunResult, rowName } from '../compare/results.js';
import { visible } from '../ops/problems.js';
import { formatBytes } from '../spec/units.js';
import { type Column, usedColumns } from './columns.js';
import { costTableLine } from './costs.js';
import { grouped, share } from './format.js';
import { guestMemory } from './guests.js';
import { remarks } from './remarks.js';

export interface TableOptions {
  /** ANSI attributes; off for files, pipes and NO_COLOR. */
  color?: boolean;
  /** Characters a line may take, default 160. */
  width?: number;
}

const BOLD = '\u001b[1m';
const DIM = '\u001b[2m';
const YELLOW = '\u001b[33m';
const RESET = '\u001b[0m';
const DEFAULT_WIDTH = 160;

export function tableReport(document: ResultsDocument, options: TableOptions = {}): string {
  const paint = (code: string, text: string): string => (options.color ? `${code}${text}${RESET}` : text);
  const runs = document.results.filter(isRun);
  const lines = [paint(BOLD, title(document)), ''];
  if (runs.length > 0) lines.push(...grid(runs, options.width ?? DEFAULT_WIDTH, paint), '');
  for (const result of document.results) {
    if (!isRun(result)) lines.push(paint(YELLOW, `${rowName(result)}: refused: ${result.refused}`));
  }
  for (const run of runs) {
    if (run.interrupted) {
      lines.push(
        paint(YELLOW, `${rowName(run)}: interrupted after ${grouped(run.ops)} of ${grouped(document.input.ops)} ops`),
      );
    }
    for (const violation of run.violations ?? []) lines.push(paint(YELLOW, `${rowName(run)}: VIOLATED: ${violation}`));
    if (run.violations?.length === 0) lines.push(`${rowName(run)}: ${held(run)}`);
    const errors = Object.entries(run.counters.errors);
    if (errors.length > 0) {
      lines.push(
        `${rowName(run)}: ops that failed: ${errors.map(([name, count]) => `${name} ${grouped(count)}`).join(', ')}`,
      );
    }
  }
  if (document.interrupted && document.schema === COMPARE_SCHEMA)
    lines.push(paint(YELLOW, 'interrupted: policies that had not started are missing'));
  for (const remark of remarks(document)) lines.push(...wrap(remark).map((l) => paint(YELLOW, l)));
  const counted = runs.filter((run) => run.host.counters_known !== 0);
  if (counted.length < runs.length)
    lines.push('the kvm engine says what every op answered; what the kernel did inside is not known');
  const { used, zero } = usedColumns(counted);
  if (counted.length > 0 && used.some((column) => column.distinct !== undefined))
    lines.push(paint(DIM, 'splits and merges: events, and in brackets the distinct ranges they were of'));
  if (counted.length > 0 && zero.length > 0)
    lines.push(...wrap(`zero everywhere: ${zero.join(', ')}`).map((l) => paint(DIM, l)));
  if (counted.length > 0) {
    lines.push(...wrap(`cycles are modelled: counters times the ${costTableLine(document)}`).map((l) => paint(DIM, l)));
  }
  return `${lines.join('\n')}\n`;
}

/** The running kernel is only asked what it shows of the files and slots it was given. */
function held({ engine }: RunResult): string {
  return engine === 'kvm' ? 'its files and slots are what was asked for' : 'every invariant holds';
}

function title({ input, settings, sweep, tool, results }: ResultsDocument): string {
  const engines = [...new Set(results.map((result) => result.engine))].join(', ');
  const fitted = input.fitted ? ', fitted slot' : '';
  const set = input.set === undefined ? '' : `with ${input.set.join(', ')}: `;
  const swept = sweep === undefined ? '' : `sweep of ${sweep.key} over ${sweep.values.join(', ')}; with the first: `;
  const simulated =
    engines === 'kvm' ? '' : `host memory ${formatBytes(settings.memory_bytes)}, seed ${settings.seed}, `;
  return visible(
    `${input.path}: ${set}${swept}${grouped(input.ops)} ops, ${input.guests === undefined ? 'guest ' : ''}${guestMemory(input)}${fitted}, arch ${settings.arch}, ` +
      `${simulated}${engines} engine, ${tool.name} ${tool.version}`,
  );
}

/**
 * The grid: groups of columns from left to right, continued below when they do not fit; each part has a heading of groups,
 * a heading of columns, a rule, and the rows.
 */
function grid(runs: readonly RunResult[], width: number, paint: (code: string, text: string) => string): string[] {
  const columns = usedColumns(runs).used;
  const cells = runs.map((run) => columns.map((column) => cell(column, run)));
  const widths = columns.map((column, c) =>
    Math.max(column.title.length, ...cells.map((row) => (row[c] as string).length)),
  );
  const first = Math.max('policy'.length, ...runs.map((run) => rowName(run).length));
  const parts: [number, number][][] = [[]];
  let used = first;
  for (const block of groups(columns)) {
    const missing = (columns[block[0]] as Column).group.length - widthOf(block, widths);
    if (missing > 0) widths[block[0]] = (widths[block[0]] as number) + missing;
    const needed = 2 + widthOf(block, widths);
    if (used + needed > width && used > first) {
      parts.push([]);
      used = first;
    }
    used += needed;
    (parts.at(-1) as [number, number][]).push(block);
  }
  return parts.flatMap((blocks, part) => {
    const row = (head: string, texts: readonly string[]): string => {
      let line = head.padEnd(first);
      for (const [from, to] of blocks) {
        line += ' ';
        for (let c = from; c < to; c += 1) line += ` ${(texts[c] as string).padStart(widths[c] as number)}`;
      }
      return line;
    };
    const groupNames = blocks.map(
      (block) => `  ${(columns[block[0]] as Column).group.padStart(widthOf(block, widths))}`,
    );
    const titles = columns.map((column) => column.title);
    const names = row('policy', titles);
    return [
      ...(part === 0 ? [] : ['']),
      paint(DIM, `${' '.repeat(first)}${groupNames.join('')}`),
      paint(BOLD, names),
      paint(DIM, '-'.repeat(names.length)),
      ...runs.map((run, r) => row(rowName(run), cells[r] as string[])),
    ];
  });
}

function cell(column: Column, run: RunResult): string {
  const text = column.format(column.value(run));
  if (column.distinct !== undefined && column.value(run) > 0)
    return `${text} (${grouped(run.counters[column.distinct])})`;
  if (column.key !== 'modelled_cycles') return text;
  const largest = Object.entries(run.modelled.cycles).sort((a, b) => b[1] - a[1])[0];
  return largest === undefined ? text : `${text} ${largest[0]} ${share(largest[1], run.modelled.cycles_total)}`;
}

/** Characters of the columns [from, to), one blank between two. */
function widthOf([from, to]: readonly [number, number], widths: readonly number[]): number {
  let width = to - from - 1;
  for (let c = from; c < to; c += 1) width += widths[c] as number;
  return width;
}

/** Runs of columns of one group, as [from, to). */
function groups(columns: readonly Column[]): [number, number][] {
  const found: [number, number][] = [];
  for (let c = 0; c < columns.length; c += 1) {
    const last = found.at(-1);
    if (last !== undefined && columns[last[0]]?.group === columns[c]?.group) last[1] = c + 1;
    else found.push([c, c + 1]);
  }
  return found;
}

function wrap(text: string, width = 150): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
