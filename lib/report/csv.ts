/**
 * The results as CSV (RFC 4180): one row a policy, every counter, modelled cycles by event, host figures last.
 */
import { isRun, type PolicyResult, type ResultsDocument } from '../compare/results.js';
import { COST_EVENT_NAMES } from '../cost/events.js';
import { visible } from '../ops/problems.js';
import { COUNTER_NAMES } from '../spec/counters.js';

export function csvReport(document: ResultsDocument): string {
  const runs = document.results.filter(isRun);
  const errnos = [...new Set(runs.flatMap((run) => Object.keys(run.counters.errors)))].sort();
  const host = [...new Set(runs.flatMap((run) => Object.keys(run.host)))];
  const swept = document.sweep !== undefined;
  const heading = [
    'policy',
    ...(swept ? ['setting'] : []),
    'engine',
    'refused',
    'interrupted',
    'ops',
    ...COUNTER_NAMES,
    ...errnos.map((name) => `errors_${name}`),
    'modelled_cycles_total',
    ...COST_EVENT_NAMES.map((event) => `modelled_cycles_${event}`),
    ...host.map((name) => `host_${name}`),
  ];
  const row = (result: PolicyResult): (string | number)[] => {
    if (!isRun(result)) {
      const told = [result.policy, ...(swept ? [result.setting ?? ''] : []), result.engine, result.refused];
      return [...told, ...Array<string>(heading.length - told.length).fill('')];
    }
    return [
      result.policy,
      ...(swept ? [result.setting ?? ''] : []),
      result.engine,
      '',
      result.interrupted ? 'true' : '',
      result.ops,
      ...COUNTER_NAMES.map((name) => result.counters[name]),
      ...errnos.map((name) => result.counters.errors[name] ?? 0),
      result.modelled.cycles_total,
      ...COST_EVENT_NAMES.map((event) => result.modelled.cycles[event] ?? 0),
      ...host.map((name) => result.host[name] ?? ''),
    ];
  };
  return [heading, ...document.results.map(row)].map((cells) => `${cells.map(field).join(',')}\r\n`).join('');
}

function field(value: string | number): string {
  const text = visible(String(value), '\r\n\t');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
