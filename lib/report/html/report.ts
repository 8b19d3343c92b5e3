/**
 * The HTML report: one file that needs nothing else, readable on a screen, in the dark, on paper and without its script.
 */
import { COMPARE_SCHEMA, isRun, type ResultsDocument, type RunResult, rowName } from '../../compare/results.js';
import { PRESETS } from '../../policy/presets.js';
import { COUNTERS } from '../../spec/counters.js';
import { formatBytes } from '../../spec/units.js';
import { COLUMNS, usedColumns } from '../columns.js';
import { costTableLine } from '../costs.js';
import { duration, grouped } from '../format.js';
import { guestMemory } from '../guests.js';
import { remarks } from '../remarks.js';
import { barCharts } from './bars.js';
import { comparisonTable } from './comparison.js';
import { cyclesSection } from './cycles.js';
import { findings } from './findings.js';
import { mapSection } from './map.js';
import { html, type Markup, trusted } from './markup.js';
import { policiesSection } from './policies.js';
import { SCRIPT } from './script.js';
import { STYLE } from './style.js';
import { timelineSection } from './timeline.js';

interface Section {
  id: string;
  title: string;
  lead: string;
  body: Markup | undefined;
}

export function htmlReport(document: ResultsDocument): string {
  const runs = document.results.filter(isRun);
  const name = document.schema === COMPARE_SCHEMA ? 'comparison' : 'replay';
  const present = sections(document, runs).filter((section) => section.body !== undefined);
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="generator" content="${document.tool.name} ${document.tool.version}"><title>gmem ${name}: ${document.input.path}</title>
<style>${trusted(STYLE)}</style></head><body><a class="skip" href="#table">Skip to the table</a>
<header class="top"><h1>gmem ${name}: ${baseName(document.input.path)}</h1>
<p class="lead">guest_memfd designs run over the same ${grouped(document.input.ops)} ops. Every number but engine time is simulated and exact: the same input and seed give the same number on any machine.</p>
${banners(document, runs)}${facts(document)}
<nav aria-label="Sections"><ul>${present.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`)}</ul></nav></header>
<main>${present.map((section) => html`<section aria-labelledby="${section.id}"><h2 id="${section.id}">${section.title}</h2><p class="note">${section.lead}</p>${section.body}</section>`)}
<footer>${document.tool.name} ${document.tool.version}. Results schema ${document.schema}.</footer></main>
<script>${trusted(SCRIPT)}</script></body></html>
`;
  return page.text;
}

function sections(document: ResultsDocument, runs: readonly RunResult[]): Section[] {
  const first = runs[0] === undefined ? '' : rowName(runs[0]);
  const some = runs.length > 0;
  return [
    {
      id: 'table',
      title: 'The table',
      lead: some
        ? `Under each number, its difference to the first row, ${first}. Green is the best of a column, red the worst; columns where neither end is better are not coloured, columns that are zero everywhere are left out.`
        : '',
      body: html`${findings(runs)}<div style="height:14px"></div>${comparisonTable(document)}`,
    },
    {
      id: 'cycles',
      title: 'Where the modelled cycles go',
      lead: `Counters times the ${costTableLine(document)}. Modelled: no time was taken of this run. The last column says where each number is from.`,
      body: some ? cyclesSection(document, runs) : undefined,
    },
    {
      id: 'time',
      title: 'Over time',
      lead: 'Gauges sampled along the input. Point at a chart, or focus it and use the arrow keys, to read values.',
      body: timelineSection(runs),
    },
    {
      id: 'map',
      title: 'Memory at the end',
      lead: 'The final state of every gmem file, 2M block by 2M block, in file order.',
      body: mapSection(runs),
    },
    {
      id: 'bars',
      title: 'Metric by metric',
      lead: `Bars start at zero; the difference is to ${first}.`,
      body: some ? barCharts(runs) : undefined,
    },
    {
      id: 'policies',
      title: 'The policies',
      lead: 'A policy is a set of knobs; nothing else tells the runs apart.',
      body: some ? policiesSection(runs) : undefined,
    },
    { id: 'columns', title: 'What the columns mean', lead: '', body: some ? explanations(runs) : undefined },
  ];
}

function banners(document: ResultsDocument, runs: readonly RunResult[]): Markup[] {
  const shown: Markup[] = [];
  if (document.interrupted) {
    const stopped = runs.filter((run) => run.interrupted);
    const where = stopped.map(
      (run) => `${rowName(run)} after ${grouped(run.ops)} of ${grouped(document.input.ops)} ops`,
    );
    shown.push(
      html`<div class="banner" role="note"><p><strong>Interrupted.</strong> ${where.length > 0 ? `Ended early: ${where.join(', ')}; its numbers are of the ops that ran.` : ''}${document.schema === COMPARE_SCHEMA ? ' Policies that had not started are missing.' : ''}</p></div>`,
    );
  }
  const refused = document.results.filter((result) => !isRun(result));
  if (refused.length > 0) {
    shown.push(
      html`<div class="banner" role="note">${refused.map((result) => html`<p><strong>${rowName(result)}</strong> could not run: ${'refused' in result ? result.refused : ''}</p>`)}</div>`,
    );
  }
  for (const remark of remarks(document)) {
    shown.push(html`<div class="banner" role="note"><p>Note: ${remark}.</p></div>`);
  }
  const violated = runs.flatMap((run) => (run.violations ?? []).map((violation) => `${rowName(run)}: ${violation}`));
  if (violated.length > 0) {
    shown.push(
      html`<div class="banner bad" role="alert"><p><strong>Invariants violated.</strong> Do not trust these numbers.</p>${violated.map((line) => html`<p>${line}</p>`)}</div>`,
    );
  }
  return shown;
}

function facts(document: ResultsDocument): Markup {
  const { input, settings, host } = document;
  const command = commandLine(document);
  const engines = [...new Set(document.results.map((result) => result.engine))].join(', ');
  // The running kernel has a host of its own, and nothing of it is modelled.
  const simulated: [string, string][] = [
    ['Arch', settings.arch],
    ['Host memory, simulated', formatBytes(settings.memory_bytes)],
    ['Seed', String(settings.seed)],
  ];
  const modelled = document.results.some((result) => result.engine !== 'kvm');
  const items: [string, string, string?][] = [
    ['Input', `${input.path} (${input.format}${input.fitted ? ', VM and slot fitted' : ''})`],
    ...(input.set === undefined ? [] : ([['Set in it', input.set.join(', '), 'mono']] as [string, string, string][])),
    ['Guest memory', guestMemory(input)],
    ['Ops', grouped(input.ops)],
    ['Time covered', input.duration_us === undefined ? 'no times in the input' : duration(input.duration_us * 1000)],
    ...(modelled ? simulated : []),
    ['Engine', `${engines}${settings.contents ? ', with page contents' : ', metadata only'}`],
    ...(modelled ? ([['Cost table', costTableLine(document)]] as [string, string][]) : []),
    ['Program', `${document.tool.name} ${document.tool.version}, Node ${host.node}`],
    ['Machine', `${host.cpu}, ${host.cpus} CPUs, ${formatBytes(host.memory_bytes)}, Linux ${host.kernel}`],
    ...(input.sha256 === undefined
      ? []
      : ([['SHA-256 of the input', input.sha256, 'mono']] as [string, string, string][])),
    ...(command === undefined ? [] : ([['Run again with', command, 'mono']] as [string, string, string][])),
  ];
  return html`<dl class="facts">${items.map(([term, text, style]) => html`<div class="${style === 'mono' ? 'wide' : ''}"><dt>${term}</dt><dd class="${style ?? ''}">${text}</dd></div>`)}</dl>`;
}

/** The command that gives this report; `undefined` for designs that are no presets, since it is not known who defined them. */
function commandLine({ schema, input, settings, sweep, results, cost_origin }: ResultsDocument): string | undefined {
  const quote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
  const engine = results[0]?.engine ?? 'native';
  if (engine === 'kvm') return `gmem replay ${quote(input.path)} --engine kvm`;
  if (results.some(({ policy }) => !Object.hasOwn(PRESETS, policy))) return undefined;
  const option = (name: string, value: string | number | undefined): string =>
    value === undefined ? '' : ` --${name} ${quote(String(value))}`;
  const names = [...new Set(results.map((result) => result.policy))].join(',');
  // Of a sweep the settings are those of its first value: what no option gave is left to the scenario.
  const { arch, memory_bytes } = sweep ?? settings;
  const rest = [
    option('engine', engine),
    option('arch', arch),
    option('memory', memory_bytes),
    ...(sweep?.key === 'machine.seed' ? [] : [option('seed', settings.seed)]),
    option('vcpus', settings.vcpus),
    ...(input.set ?? []).map((text) => option('set', text)),
    cost_origin.kind === 'built-in' ? '' : ' --cost FILE',
  ].join('');
  const path = quote(input.path);
  if (sweep !== undefined) {
    return `gmem run ${path}${option('sweep', `${sweep.key}=${sweep.values.join(',')}`)} --policies ${names}${rest}`;
  }
  return `gmem ${schema === COMPARE_SCHEMA ? `compare ${path} --policies` : `replay ${path} --policy`} ${names}${rest}`;
}

function explanations(runs: readonly RunResult[]): Markup {
  const { used, zero } = usedColumns(runs);
  const zeroColumns = COLUMNS.filter((column) => zero.includes(column.key));
  return html`<dl class="words">${used.map((column) => html`<dt>${column.group} ${column.title}</dt><dd>${column.explanation}</dd>`)}</dl>
<details><summary>Columns that were zero in every run (${zeroColumns.length})</summary><dl class="words">${zeroColumns.map((column) => html`<dt>${column.group} ${column.title}</dt><dd>${column.explanation}</dd>`)}</dl></details>
<details><summary>Every counter of every run</summary>${counterTable(runs)}</details>`;
}

function counterTable(runs: readonly RunResult[]): Markup {
  const names = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];
  const errnos = [...new Set(runs.flatMap((run) => Object.keys(run.counters.errors)))].sort();
  return html`<div class="scroll" role="region" aria-label="Every counter" tabindex="0"><table><thead><tr><th scope="col" class="text">counter</th>${runs.map((run) => html`<th scope="col">${rowName(run)}</th>`)}<th scope="col" class="text">meaning</th></tr></thead><tbody>
${names.map((name) => html`<tr><th scope="row">${name}</th>${runs.map((run) => html`<td>${grouped(run.counters[name])}</td>`)}<td class="text">${COUNTERS[name]}</td></tr>`)}
${errnos.map((errno) => html`<tr><th scope="row">errors ${errno}</th>${runs.map((run) => html`<td>${grouped(run.counters.errors[errno] ?? 0)}</td>`)}<td class="text">ops that answered ${errno}</td></tr>`)}</tbody></table></div>`;
}

function baseName(path: string): string {
  return path.split('/').at(-1) || path;
}
