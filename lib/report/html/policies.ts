/**
 * What the policies are: the knobs in which the compared ones differ, and all of them.
 */
import { type RunResult, rowName } from '../../compare/results.js';
import { PRESETS, type PresetName } from '../../policy/presets.js';
import { KNOB_NAMES, type KnobName } from '../../spec/knobs.js';
import { html, type Markup } from './markup.js';

export function policiesSection(runs: readonly RunResult[]): Markup {
  const differ = KNOB_NAMES.filter((name) => new Set(runs.map((run) => run.knobs[name])).size > 1);
  const same = KNOB_NAMES.filter((name) => !differ.includes(name));
  return html`<dl class="words">${runs.map((run) => html`<dt>${rowName(run)}</dt><dd>${originOf(run.policy)}</dd>`)}</dl>
${differ.length > 0 ? html`<h3>Knobs in which they differ</h3>${knobTable(differ, runs)}` : ''}
<details><summary>Knobs that are the same for all (${same.length})</summary>${knobTable(same, runs.slice(0, 1), 'every policy')}</details>`;
}

function originOf(policy: string): string {
  return Object.hasOwn(PRESETS, policy) ? PRESETS[policy as PresetName].origin : "the user's own policy";
}

function knobTable(names: readonly KnobName[], runs: readonly RunResult[], heading?: string): Markup {
  return html`<div class="scroll" role="region" aria-label="Knobs" tabindex="0"><table style="width:auto"><thead><tr><th scope="col" class="text">knob</th>${runs.map((run) => html`<th scope="col" class="text">${heading ?? rowName(run)}</th>`)}</tr></thead>
<tbody>${names.map((name) => html`<tr><th scope="row">${name}</th>${runs.map((run) => html`<td class="text">${knob(run.knobs[name])}</td>`)}</tr>`)}</tbody></table></div>`;
}

function knob(value: string | boolean): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
}
