/**
 * The columns of a comparison: what tells the designs apart, how it is read off a result, how it is written, and which end
 * is the better one. Table and HTML draw the same columns; the explanation is of the counters they come from.
 */
import type { RunResult } from '../compare/results.js';
import { COUNTERS, type CounterName, type LeafSize, liveLeaves } from '../spec/counters.js';
import { bytes, duration, grouped, pagesAsBytes, prefixed } from './format.js';

export interface Column {
  key: string;
  /** Heading shared with the neighbours of the same group. */
  group: string;
  title: string;
  /** Whether less is better, or neither end can be said to be. */
  better: 'less' | 'neither';
  value: (run: RunResult) => number;
  format: (value: number) => string;
  /** Of these events, how many were the first of their range: shown in brackets behind them. */
  distinct?: CounterName;
  /** What the number is, for a reader who knows KVM. */
  explanation: string;
  /** A host figure: of this machine, and never the same twice. */
  host?: true;
}

function counter(
  name: CounterName,
  group: string,
  title: string,
  better: Column['better'],
  format: Column['format'] = grouped,
  aside = '',
): Column {
  return {
    key: name,
    group,
    title,
    better,
    value: (run) => run.counters[name],
    format,
    explanation: `${COUNTERS[name]}${aside}`,
  };
}

/** Splits or merges: a folio that is merged may split again, and published counts are of distinct ones. */
function events(
  name: CounterName,
  distinct: CounterName,
  group: string,
  title: string,
  better: Column['better'],
): Column {
  return { ...counter(name, group, title, better, grouped, `; in brackets: ${COUNTERS[distinct]}`), distinct };
}

const inBytes = ' (counted in 4K pages, shown in bytes)';

function leaves(size: LeafSize, title: string, aside = ''): Column {
  return {
    key: `leaves_${size}`,
    group: 'leaves',
    title,
    better: 'neither',
    value: (run) => liveLeaves((name) => run.counters[name], size),
    format: grouped,
    explanation: `stage-2 leaves of ${title} live at the end: faults_${size} - zaps_${size}${aside}`,
  };
}

export const COLUMNS: readonly Column[] = [
  counter('faults_4k', 'faults', '4K', 'less'),
  counter('faults_2m', 'faults', '2M', 'neither'),
  counter('faults_1g', 'faults', '1G', 'neither'),
  counter('folios_allocated_4k', 'folios', '4K', 'neither'),
  counter('folios_allocated_2m', 'folios', '2M', 'neither'),
  counter('folios_allocated_1g', 'folios', '1G', 'neither'),
  counter('fallbacks', 'folios', 'fallb', 'less'),
  events('splits_2m', 'split_distinct_2m', 'splits', '2M', 'less'),
  events('splits_1g', 'split_distinct_1g', 'splits', '1G', 'less'),
  counter('split_failed', 'splits', 'failed', 'less'),
  events('merges_2m', 'merge_distinct_2m', 'merges', '2M', 'neither'),
  events('merges_1g', 'merge_distinct_1g', 'merges', '1G', 'neither'),
  counter('promotions', 'merges', 'promoted', 'neither'),
  counter('prepares', 'prepare', 'hooks', 'less'),
  counter('rmpupdate_4k', 'RMPUPDATE', '4K', 'less'),
  counter('rmpupdate_2m', 'RMPUPDATE', '2M', 'neither'),
  counter('rmpupdate_failed', 'RMPUPDATE', 'failed', 'less'),
  counter('psmash', 'RMP', 'psmash', 'less'),
  counter('psmash_failed', 'RMP', 'psmash failed', 'less'),
  counter('sept_add', 'S-EPT', 'added', 'neither'),
  counter('sept_aug', 'S-EPT', 'augmented', 'less'),
  counter('sept_demote', 'S-EPT', 'demoted', 'less'),
  counter('sept_promote', 'S-EPT', 'promoted', 'neither'),
  counter('sept_remove', 'S-EPT', 'removed', 'less'),
  counter('pages_cleared', 'cleared', 'bytes', 'less', pagesAsBytes, inBytes),
  counter('host_pages_peak', 'memory', 'peak', 'less', pagesAsBytes, inBytes),
  counter('shared_copy_pages_peak', 'memory', 'copies', 'less', pagesAsBytes, inBytes),
  counter('stranded_pages_end', 'memory', 'stranded', 'less', pagesAsBytes, inBytes),
  counter('retained_pages_peak', 'memory', 'retained', 'less', pagesAsBytes, inBytes),
  counter('metadata_bytes_modelled_peak', 'memory', 'metadata', 'less', bytes),
  {
    key: 'zaps',
    group: 'zaps',
    title: 'leaves',
    better: 'less',
    value: (run) => run.counters.zaps_4k + run.counters.zaps_2m + run.counters.zaps_1g,
    format: grouped,
    explanation: 'stage-2 leaves of any size removed: zaps_4k + zaps_2m + zaps_1g',
  },
  leaves('4k', '4K', ' + 512 (sept_demote - sept_promote)'),
  leaves('2m', '2M', ' - sept_demote + sept_promote'),
  leaves('1g', '1G'),
  {
    key: 'failed_ops',
    group: 'ops',
    title: 'failed',
    better: 'less',
    value: (run) => Object.values(run.counters.errors).reduce((sum, count) => sum + count, 0),
    format: grouped,
    explanation: 'ops whose outcome is an errno; by errno in `errors`',
  },
  {
    key: 'modelled_cycles',
    group: 'modelled',
    title: 'cycles',
    better: 'less',
    value: (run) => run.modelled.cycles_total,
    format: prefixed,
    explanation: 'modelled cycles: counters times the cost table. Arithmetic, not a measurement',
  },
  {
    key: 'engine_time',
    group: 'engine',
    title: 'time',
    better: 'neither',
    value: (run) => run.host.engine_ns,
    format: duration,
    explanation: 'time the engine took to simulate the ops on this machine: says nothing about the design',
    host: true,
  },
  {
    key: 'ops_per_second',
    group: 'engine',
    title: 'Mops/s',
    better: 'neither',
    value: (run) => run.host.ops_per_second / 1e6,
    format: (value) => value.toFixed(value < 10 ? 2 : 1),
    explanation: 'millions of ops the engine simulated a second on this machine',
    host: true,
  },
];

/** Columns that are not zero in every run, in order, and the names of those that are. */
export function usedColumns(runs: readonly RunResult[]): { used: Column[]; zero: string[] } {
  const used: Column[] = [];
  const zero: string[] = [];
  for (const column of COLUMNS) {
    if (runs.some((run) => column.value(run) !== 0)) used.push(column);
    else zero.push(column.key);
  }
  return { used, zero };
}
