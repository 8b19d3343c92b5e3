/**
 * The comparison as an HTML table: a row a policy, best and worst of every column, and the difference to the first row.
 */
import { isRun, type ResultsDocument, type RunResult, rowName } from '../../compare/results.js';
import { type Column, usedColumns } from '../columns.js';
import { difference, grouped, share } from '../format.js';
import { html, type Markup } from './markup.js';

export function comparisonTable(document: ResultsDocument): Markup {
  const runs = document.results.filter(isRun);
  const columns = usedColumns(runs).used;
  return html`<div class="scroll" role="region" aria-label="Comparison table" tabindex="0"><table>
<thead><tr class="groups"><th scope="col" rowspan="2">policy</th>${groupHeads(columns)}</tr>
<tr>${columns.map((column, c) => html`<th scope="col" class="${edge(columns, c)}" title="${column.explanation}">${column.title}</th>`)}</tr></thead>
<tbody>${document.results.map((result) =>
    isRun(result)
      ? html`<tr><th scope="row">${rowName(result)}${result.interrupted ? ' (interrupted)' : ''}</th>${columns.map((column, c) => cell(column, edge(columns, c), result, runs))}</tr>`
      : html`<tr><th scope="row">${rowName(result)}</th><td class="refused" colspan="${Math.max(1, columns.length)}">refused: ${result.refused}</td></tr>`,
  )}</tbody></table></div>`;
}

function groupHeads(columns: readonly Column[]): Markup[] {
  const heads: Markup[] = [];
  for (let c = 0; c < columns.length; ) {
    const group = columns[c]?.group;
    let end = c + 1;
    while (columns[end]?.group === group) end += 1;
    heads.push(html`<th scope="colgroup" colspan="${end - c}">${group}</th>`);
    c = end;
  }
  return heads;
}

function edge(columns: readonly Column[], c: number): string {
  return columns[c - 1]?.group === columns[c]?.group ? '' : 'edge';
}

function cell(column: Column, edgeClass: string, run: RunResult, runs: readonly RunResult[]): Markup {
  const value = column.value(run);
  const base = runs[0] as RunResult;
  const mark = standing(column, run, runs);
  const word = mark === '' ? '' : `, ${mark} of this column`;
  const notes = [
    ...(run === base || column.host ? [] : [difference(value, column.value(base))]),
    ...(column.distinct !== undefined && value > 0 ? [`${grouped(run.counters[column.distinct])} distinct`] : []),
    ...(column.key === 'modelled_cycles' ? [largestShare(run)] : []),
  ].filter((note) => note !== '');
  return html`<td class="${mark} ${edgeClass}" title="${rowName(run)}, ${column.group} ${column.title}: ${value}${word}"><b>${column.format(value)}</b>${notes.map((note) => html`<small>${note}</small>`)}</td>`;
}

/** `best`, `worst`, or nothing: no ranking where all agree, where neither end is better, or over a part of the input. */
export function standing(column: Column, run: RunResult, runs: readonly RunResult[]): '' | 'best' | 'worst' {
  if (column.better === 'neither' || run.interrupted) return '';
  const values = runs.filter((other) => !other.interrupted).map(column.value);
  const least = Math.min(...values);
  const most = Math.max(...values);
  if (least === most) return '';
  const value = column.value(run);
  if (value === least) return 'best';
  return value === most ? 'worst' : '';
}

function largestShare(run: RunResult): string {
  const largest = Object.entries(run.modelled.cycles).sort((a, b) => b[1] - a[1])[0];
  return largest === undefined ? '' : `${largest[0]} ${share(largest[1], run.modelled.cycles_total)}`;
}
