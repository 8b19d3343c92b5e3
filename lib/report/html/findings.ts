/**
 * The answer at a glance: for a few questions, which policy does best and by how much against the worst. Only what the
 * numbers say; nothing is shown where the policies all but agree.
 */
import { type RunResult, rowName } from '../../compare/results.js';
import { COLUMNS } from '../columns.js';
import { share } from '../format.js';
import { html, type Markup } from './markup.js';

const QUESTIONS: readonly { key: string; title: string }[] = [
  { key: 'modelled_cycles', title: 'Fewest modelled cycles' },
  { key: 'host_pages_peak', title: 'Lowest peak of host memory' },
  { key: 'stranded_pages_end', title: 'Least memory stranded' },
  { key: 'faults_4k', title: 'Fewest 4K faults' },
  { key: 'rmpupdate_4k', title: 'Fewest 4K RMPUPDATEs' },
];

/** A difference of less than 2 % is no finding. */
const WORTH_SAYING = 0.98;

export function findings(runs: readonly RunResult[]): Markup | undefined {
  const whole = runs.filter((run) => !run.interrupted);
  if (whole.length < 2) return undefined;
  const cards: Markup[] = [];
  for (const { key, title } of QUESTIONS) {
    const column = COLUMNS.find((candidate) => candidate.key === key);
    if (column === undefined) continue;
    const values = whole.map(column.value);
    const best = Math.min(...values);
    const worst = Math.max(...values);
    if (best > WORTH_SAYING * worst) continue;
    const names = whole.filter((run) => column.value(run) === best).map((run) => rowName(run));
    const worstNames = whole.filter((run) => column.value(run) === worst).map((run) => rowName(run));
    cards.push(
      html`<div class="finding"><span>${title}</span><b>${names.join(', ')}</b><span>${column.format(best)}, ${share(best, worst)} of ${column.format(worst)} (${worstNames.join(', ')})</span></div>`,
    );
  }
  return cards.length === 0 ? undefined : html`<div class="findings">${cards}</div>`;
}
