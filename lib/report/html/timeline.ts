/**
 * Charts over time: memory held and what it costs to describe, memory outside gmem files, huge folios, leaves; a line a
 * policy. Lines are steps, because a gauge keeps its value until the next op. Policies that agree share a line; later
 * lines are drawn thinner, so that close ones stay visible.
 */
import { type RunResult, rowName, type Timeline, type TimelineColumn } from '../../compare/results.js';
import { PAGE_BYTES } from '../../spec/units.js';
import { grouped, pagesAsBytes, prefixed } from '../format.js';
import { html, type Markup, scriptJson } from './markup.js';

const WIDTH = 760;
const HEIGHT = 270;
const LEFT = 74;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 34;

interface Chart {
  title: string;
  note: string;
  bytes: boolean;
  of: readonly TimelineColumn[];
  /** Of a column that counts bytes, where charts of bytes are drawn in pages. */
  unit?: number;
}

const CHARTS: readonly Chart[] = [
  { title: 'Host memory held', note: 'gmem folios, shared copies, orphans, poison', bytes: true, of: ['host_pages'] },
  {
    title: 'Held outside gmem files',
    note: 'shared copies: the double allocation',
    bytes: true,
    of: ['shared_copy_pages'],
  },
  { title: 'Stage-2 leaves', note: 'of any size', bytes: false, of: ['leaves_4k', 'leaves_2m', 'leaves_1g'] },
  { title: 'In huge folios', note: 'gmem memory still in 2M or 1G folios', bytes: true, of: ['huge_folio_pages'] },
  {
    title: 'Stranded',
    note: 'free pages in 2M blocks an unmovable page keeps broken',
    bytes: true,
    of: ['stranded_pages'],
  },
  {
    title: 'Retained',
    note: 'pages left in the file by conversions to shared: punch zero, keep, refuse',
    bytes: true,
    of: ['retained_pages'],
  },
  {
    title: 'Metadata',
    note: 'modelled: struct pages, vmemmap left by hvo, or what structless keeps of shared pages',
    bytes: true,
    of: ['metadata_bytes'],
    unit: 1 / PAGE_BYTES,
  },
];

type TimedRun = RunResult & { timeline: Timeline };

/** Policies whose values are the same at every point, drawn as one line in the colour of the first. */
interface Line {
  names: string;
  color: number;
  run: TimedRun;
}

export function timelineSection(runs: readonly RunResult[]): Markup | undefined {
  const timed = runs.filter((run): run is TimedRun => run.timeline !== undefined && run.timeline.rows.length > 0);
  if (timed.length === 0) return undefined;
  const charts = CHARTS.filter((chart) => timed.some((run) => peak(run, chart) > 0));
  const data = charts.map((chart) => ({
    bytes: chart.bytes,
    axis: timed[0]?.timeline.axis,
    scale: scaleOf(chart, timed),
    lines: linesOf(chart, timed).map(({ run }) => points(run, chart)),
  }));
  return html`<div class="two">${charts.map((chart, c) => figure(chart, c, timed))}</div>
<script type="application/json" id="timelines">${scriptJson({ charts: data, frame: { WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM } })}</script>`;
}

function linesOf(chart: Chart, runs: readonly TimedRun[]): Line[] {
  const lines = new Map<string, Line>();
  runs.forEach((run, color) => {
    const key = JSON.stringify(points(run, chart));
    const line = lines.get(key);
    if (line === undefined) lines.set(key, { names: rowName(run), color: color % 8, run });
    else line.names += `, ${rowName(run)}`;
  });
  return [...lines.values()];
}

function points(run: TimedRun, chart: Chart): number[][] {
  return run.timeline.rows.map((row) => [at(run, row), sum(run, row, chart)]);
}

function figure(chart: Chart, c: number, runs: readonly TimedRun[]): Markup {
  const scale = scaleOf(chart, runs);
  const lines = linesOf(chart, runs);
  const x = (value: number): string => (LEFT + (value / scale.x) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / scale.y) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const label = (value: number): string => (chart.bytes ? pagesAsBytes(value) : grouped(value));
  const tick = (value: number): string => (chart.bytes ? pagesAsBytes(value) : shortest(value));
  const axis = runs[0]?.timeline.axis ?? 'op';
  const summary = lines.map(({ names, run }) => `${names} at most ${label(peak(run, chart))}`).join('; ');
  const width = (l: number): string =>
    (1.5 + (2.2 * (lines.length - 1 - l)) / Math.max(1, lines.length - 1)).toFixed(1);
  return html`<figure><figcaption>${chart.title}<small>${chart.note}</small></figcaption>
<div class="chart" data-chart="${c}" tabindex="0" role="group" aria-label="${chart.title} over time; arrow keys read values"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${chart.title}: ${summary}">
${ticks(scale.y, chart.bytes).map((value) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/><text class="soft" x="${LEFT - 8}" y="${Number(y(value)) + 4}" text-anchor="end">${tick(value)}</text>`)}
${ticks(scale.x, false).map((value) => html`<line class="axis" x1="${x(value)}" x2="${x(value)}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM + 5}"/><text class="soft" x="${x(value)}" y="${HEIGHT - BOTTOM + 19}" text-anchor="${value / scale.x > 0.96 ? 'end' : 'middle'}">${axisLabel(axis, value)}</text>`)}
<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}"/>
${lines.map(({ names, color, run }, l) => html`<path class="series" stroke="var(--s${color})" stroke-width="${width(l)}" d="${path(run, chart, x, y)}"><title>${names}</title></path>`)}
<line class="cursor" y1="${TOP}" y2="${HEIGHT - BOTTOM}" x1="0" x2="0"/></svg></div>
<ul class="legend">${lines.map(({ names, color, run }) => html`<li><span class="swatch" style="background:var(--s${color})"></span>${names}<span class="value" data-value>peak ${label(peak(run, chart))}</span></li>`)}</ul><div class="readout" data-readout aria-live="polite"></div></figure>`;
}

function path(run: TimedRun, chart: Chart, x: (value: number) => string, y: (value: number) => string): string {
  let d = `M${x(0)} ${y(0)}`;
  let last = '';
  for (const row of run.timeline.rows) {
    const height = y(sum(run, row, chart));
    d += height === last ? `H${x(at(run, row))}` : `H${x(at(run, row))}V${height}`;
    last = height;
  }
  return d;
}

function scaleOf(chart: Chart, runs: readonly TimedRun[]): { x: number; y: number } {
  const ends = runs.map((run) => at(run, run.timeline.rows.at(-1) as number[]));
  return { x: Math.max(1, ...ends), y: 1.04 * Math.max(1, ...runs.map((run) => peak(run, chart))) };
}

/** Position on the axis: time since the first timed op, or ops. */
function at(run: TimedRun, row: readonly number[]): number {
  const { axis, columns, rows } = run.timeline;
  const column = columns.indexOf(axis);
  const zero = axis === 't_us' ? Math.min(rows[0]?.[column] ?? 0, 0) : 0;
  return (row[column] as number) - zero;
}

function sum(run: TimedRun, row: readonly number[], chart: Chart): number {
  const total = chart.of.reduce((all, name) => all + (row[run.timeline.columns.indexOf(name)] as number), 0);
  return total * (chart.unit ?? 1);
}

function peak(run: TimedRun, chart: Chart): number {
  return run.timeline.rows.reduce((most, row) => Math.max(most, sum(run, row, chart)), 0);
}

/** Four or five round steps: binary for bytes (counted in pages), decimal otherwise. */
function ticks(most: number, bytes: boolean): number[] {
  const raw = most / 4;
  let step: number;
  if (bytes) step = 2 ** Math.ceil(Math.log2(raw));
  else {
    const power = 10 ** Math.floor(Math.log10(raw));
    step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) as number);
  }
  const values: number[] = [];
  for (let value = 0; value <= most; value += step) values.push(value);
  return values;
}

/** A round number with its prefix and no empty decimals: `50 k`. */
function shortest(value: number): string {
  return prefixed(value).replace(/\.0+(?= |$)/, '');
}

function axisLabel(axis: string, value: number): string {
  if (axis === 'op') return value === 0 ? 'op 0' : shortest(value);
  const seconds = value / 1e6;
  if (value === 0) return '0 s';
  return seconds >= 0.1 ? `${Number(seconds.toPrecision(3))} s` : `${Number((value / 1e3).toPrecision(3))} ms`;
}
