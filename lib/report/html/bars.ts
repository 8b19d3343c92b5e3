/**
 * Bar charts: one small figure a metric, one bar a policy, all from zero.
 */
import { type RunResult, rowName } from '../../compare/results.js';
import { type Column, usedColumns } from '../columns.js';
import { difference } from '../format.js';
import { html, type Markup } from './markup.js';

const WIDTH = 360;
const ROW = 40;
const VALUE_SPACE = 124;

export function barCharts(runs: readonly RunResult[]): Markup {
  const columns = usedColumns(runs).used.filter((column) => column.host !== true || column.key === 'engine_time');
  return html`<div class="bars">${columns.map((column) => figure(column, runs))}</div>`;
}

function figure(column: Column, runs: readonly RunResult[]): Markup {
  const values = runs.map(column.value);
  const most = Math.max(...values, 0);
  const base = values[0] as number;
  const hint = column.better === 'neither' ? '' : 'less is better';
  const title = `${column.group} ${column.title}`;
  const summary = runs.map((run, r) => `${rowName(run)} ${column.format(values[r] as number)}`).join(', ');
  return html`<figure><figcaption title="${column.explanation}">${title}<small>${hint}</small></figcaption>
<svg viewBox="0 0 ${WIDTH} ${ROW * runs.length}" role="img" aria-label="${title}: ${summary}">${runs.map((run, r) => {
    const value = values[r] as number;
    const room = WIDTH - VALUE_SPACE;
    const length = most === 0 ? 0 : (value / most) * room;
    const y = r * ROW;
    const aside = r === 0 || column.host ? '' : difference(value, base);
    return html`<g><title>${rowName(run)}: ${value}</title><text x="0" y="${y + 11}" class="soft">${rowName(run)}</text>
<rect class="track" x="0" y="${y + 16}" width="${room}" height="12" rx="2"/><rect x="0" y="${y + 16}" width="${length.toFixed(1)}" height="12" rx="2" fill="var(--s${r % 8})"/>
<text x="${room + 8}" y="${y + 26.5}">${column.format(value)}<tspan class="soft" dx="6" fill="var(--soft)">${aside}</tspan></text></g>`;
  })}</svg></figure>`;
}
