/**
 * Where the modelled cycles go: a stacked bar a policy on one scale, the same as a table, and the cost table behind it.
 */
import { type ResultsDocument, type RunResult, rowName } from '../../compare/results.js';
import { COST_EVENT_NAMES, COST_EVENTS, type CostEvent } from '../../cost/events.js';
import { grouped, prefixed, share } from '../format.js';
import { html, type Markup } from './markup.js';

const WIDTH = 1100;
const LABEL = 170;
const TOTAL = 90;
const ROW = 36;

export function cyclesSection(document: ResultsDocument, runs: readonly RunResult[]): Markup {
  const events = COST_EVENT_NAMES.filter((event) => runs.some((run) => (run.modelled.cycles[event] ?? 0) > 0));
  return html`<figure><div class="pan">${stack(events, runs)}</div>
<ul class="legend">${events.map((event) => html`<li><span class="swatch" style="${color(event)}"></span>${COST_EVENTS[event].what}</li>`)}</ul></figure>
<h3 style="margin-top:18px">The same in numbers</h3>
<div class="scroll" role="region" aria-label="Modelled cycles by event" tabindex="0"><table><thead><tr><th scope="col" class="text">event</th>${runs.map(
    (run) => html`<th scope="col">${rowName(run)}</th>`,
  )}<th scope="col">cycles each</th><th scope="col" class="text">where the number is from</th></tr></thead><tbody>
${events.map(
  (event) =>
    html`<tr><th scope="row"><span class="swatch" style="${color(event)}"></span>${event}</th>${runs.map((run) => spent(run, event))}${each(document, event, runs)}</tr>`,
)}
<tr><th scope="row">total</th>${runs.map((run) => html`<td><b>${prefixed(run.modelled.cycles_total)}</b></td>`)}<td></td><td class="text"></td></tr>
</tbody></table></div>`;
}

function stack(events: readonly CostEvent[], runs: readonly RunResult[]): Markup {
  const most = Math.max(1, ...runs.map((run) => run.modelled.cycles_total));
  const scale = (WIDTH - LABEL - TOTAL) / most;
  const summary = runs.map((run) => `${rowName(run)} ${prefixed(run.modelled.cycles_total)}`).join(', ');
  return html`<svg viewBox="0 0 ${WIDTH} ${ROW * runs.length}" role="img" aria-label="Modelled cycles by event: ${summary}">${runs.map(
    (run, r) => {
      let x = LABEL;
      const parts = events.map((event) => {
        const cycles = run.modelled.cycles[event] ?? 0;
        const width = cycles * scale;
        const left = x;
        x += width;
        if (cycles === 0) return '';
        const part = share(cycles, run.modelled.cycles_total);
        const label = width > 7.2 * `${event} ${part}`.length ? `${event} ${part}` : width > 38 ? part : '';
        return html`<g><title>${rowName(run)}, ${event}: ${grouped(cycles)} modelled cycles, ${part}</title><rect x="${left.toFixed(2)}" y="${r * ROW + 5}" width="${width.toFixed(2)}" height="24" style="${fill(event)}"/><text x="${(left + 6).toFixed(1)}" y="${r * ROW + 21}" style="fill:#101418;font-size:11.5px;pointer-events:none">${label}</text></g>`;
      });
      return html`<text x="0" y="${r * ROW + 21}">${rowName(run)}</text>${parts}<text x="${(x + 8).toFixed(1)}" y="${r * ROW + 21}">${prefixed(run.modelled.cycles_total)}</text>`;
    },
  )}</svg>`;
}

function spent(run: RunResult, event: CostEvent): Markup {
  const cycles = run.modelled.cycles[event] ?? 0;
  if (cycles === 0) return html`<td><b>0</b></td>`;
  const count = COST_EVENTS[event].count(run.counters);
  return html`<td><b>${prefixed(cycles)}</b><small>${share(cycles, run.modelled.cycles_total)}, ${grouped(count)} events</small></td>`;
}

function each(document: ResultsDocument, event: CostEvent, runs: readonly RunResult[]): Markup {
  const entry = document.cost_table.find((candidate) => candidate.event === event);
  if (event === 'convert' && entry?.basis === 'fitted') {
    const used = [...new Set(runs.map((run) => run.modelled.plain_conversion_cycles))];
    return html`<td>${used.map(grouped).join(' / ')}</td><td class="text">fitted per run, to the published run the policy resembles: ${entry?.source}</td>`;
  }
  return html`<td>${entry === undefined ? '' : grouped(entry.cycles)}</td><td class="text">${entry?.basis}: ${entry?.source}</td>`;
}

/** One hue a family of events, light enough for dark text in both schemes. */
const COLORS: Record<CostEvent, string> = {
  fault_4k: '#9dbbe4',
  fault_2m: '#7fb8dd',
  fault_1g: '#a9cdf0',
  allocate_4k: '#b7c98f',
  allocate_2m: '#c6d6a0',
  allocate_1g: '#d5e3b4',
  zap_4k: '#8fd3b8',
  zap_2m: '#a8dcae',
  zap_1g: '#bfe3c9',
  clear_page: '#c3b5ea',
  rmpupdate_4k: '#e3cb82',
  rmpupdate_2m: '#f0dc9c',
  psmash: '#d9b46c',
  pvalidate: '#ecd3a8',
  sept_add: '#d3bd9f',
  sept_aug: '#e0cdb3',
  sept_demote: '#cdb7a6',
  sept_promote: '#d9c5b9',
  sept_remove: '#c9b09a',
  exit: '#c4cad1',
  convert: '#9fd9ea',
  split_2m: '#f0a692',
  split_1g: '#e88f86',
  merge_2m: '#e6a1bf',
  merge_1g: '#dd8fb0',
};

function fill(event: CostEvent): string {
  return `fill:${COLORS[event]};stroke:var(--panel)`;
}

function color(event: CostEvent): string {
  return `background:${COLORS[event]}`;
}
