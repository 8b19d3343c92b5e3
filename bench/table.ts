/**
 * The goals, row by row, filled from the figures of one run by their names. A row whose benchmark does not exist (yet) is not
 * shown in the table, but named below it.
 */
import type { Figures } from './results.js';
import { bytes, duration } from './text.js';

/** A row as it is printed. */
export interface TableRow {
  readonly what: string;
  readonly reached: string;
  readonly goal: string;
  /** Reached in parts of the goal, 1 being the goal, less being better. */
  readonly part: number;
  /** Measured in the same run. */
  readonly beside: string;
  /** Published, or measured elsewhere. */
  readonly elsewhere: string;
}

interface Goal {
  readonly what: string;
  readonly value: (f: Figures) => number | undefined;
  readonly goal: number;
  /** A figure above the goal is better. */
  readonly atLeast?: true;
  readonly format: (value: number) => string;
  readonly beside?: (f: Figures, value: number) => string | undefined;
  readonly elsewhere?: string;
}

const times = (value: number) => `${value >= 100 ? Math.round(value) : value.toFixed(value < 10 ? 2 : 1)}x`;
const millions = (value: number) => `${(value / 1e6).toFixed(1)} M/s`;
const percent = (value: number) => `${(value * 100).toFixed(0)} %`;

/** Calls `combine` with the figures where all of them are there. */
function of<T>(f: Figures, ids: readonly string[], combine: (...values: number[]) => T): T | undefined {
  const values = ids.map(f);
  return values.every((value) => value !== undefined) ? combine(...(values as number[])) : undefined;
}

type Extra = Pick<Goal, 'beside' | 'elsewhere'>;

/** Nanoseconds of one figure. */
function time(what: string, id: string, goal: number, extra: Extra = {}): Goal {
  return { what, value: (f) => f(id), goal, format: duration, ...extra };
}

/** How many times the second figure is of the first. */
function ratio(
  what: string,
  ids: readonly [string, string],
  goal: number,
  extra: Extra & { atLeast?: true } = {},
): Goal {
  const beside = (f: Figures) => ids.map((id) => duration(f(id) as number)).join(' and ');
  return { what, value: (f) => of(f, ids, (a, b) => b / a), goal, format: times, beside, ...extra };
}

/** The same stream by one thread and by two, and the same again where all that faults write was written before. */
function onTwoThreads(size: string, bench: string): Goal {
  const ids = (phase: string) => [`${bench}: ${phase}, two threads`, `${bench}: ${phase}, one thread`] as const;
  const shown = (two: number, one: number) => `${duration(two)} and ${duration(one)}`;
  return {
    what: `two vCPU threads on disjoint ranges, ${size}: of one`,
    value: (f) => of(f, ids('fault'), (two, one) => one / two),
    goal: 1.8,
    atLeast: true,
    format: times,
    beside: (f) =>
      of(f, [...ids('fault'), ...ids('fault after a punch')], (two, one, twoAgain, oneAgain) =>
        [shown(two, one), `after a punch ${shown(twoAgain, oneAgain)}: ${times(oneAgain / twoAgain)}`].join('; '),
      ),
    elsewhere: 'std::shared_mutex 0.5x (another run on such a machine)',
  };
}

function against(label: string, id: string): Extra['beside'] {
  return (f, value) => {
    const other = f(id);
    return other === undefined ? undefined : `${label} ${duration(other)}: ${times(other / value)}`;
  };
}

/** Guest sizes of the scale benchmarks, GiB. */
export const SIZES = [16, 64, 256, 512, 1024, 4096] as const;
export const sizeName = (gib: number) => (gib >= 1024 ? `${gib / 1024}t` : `${gib}g`);
const GIB_2M = (phase: string) => SIZES.map((gib) => `core/boot_2m_${sizeName(gib)}: ${phase}`);
const GIB_4K = (phase: string) => SIZES.map((gib) => `core/pages_4k_${sizeName(gib)}: ${phase}`);

function flat(what: string, ids: readonly string[], goal: number): Goal {
  return {
    what,
    value: (f) => of(f, ids, (...ns) => Math.max(...ns) / Math.min(...ns)),
    goal,
    format: times,
    beside: (f) => ids.map((id) => duration(f(id) as number)).join(', '),
  };
}

const BOOT_512 = 'core/boot_2m_512g: 2M fault, ascending';
const FRAMES_2M = 'core/frames_2m_512g';
const FRAMES_4K = 'core/frames_4k_512g';
const UNIFORM = 'core/prepared_512g_uniform';
const MIXED = 'core/prepared_512g_mixed';
const FLAT = 'core/flat_bitmap_512g';
const PAGES = 'core/fault_4k_64g';
const IN_PLACE = 'core/convert_4k_in_place';
const SPLIT_2M = 'core/split_2m_64g';
const SPLIT_1G = 'core/split_1g_480g';
const CLEAR = 'core/clear_2m_resident';
const COUNT_ALL = 'count all 2^27';
const LLFREE_2M = 'LLFree 441 / 17 ns, with its trees tuned 67 / 17 ns (another run on such a machine)';
const LLFREE_4K = 'LLFree 31 / 23 ns at 32 GiB (another run on such a machine)';
const CONVERSION = '~320 cycles (published: Tng 2025, the worker alone)';

/** The fastest loop of non-temporal stores that this CPU has, ns for 2M. */
function clearLimit(f: Figures): number {
  const limits = ['limit: non-temporal stores', 'limit: non-temporal stores of a line'];
  return Math.min(...limits.map((phase) => f(`${CLEAR}: ${phase}`) ?? Number.POSITIVE_INFINITY));
}

/** What says how fast a machine is, without the engine: figures of this run, and those of the machine the goals were set on (published with them, never of this run). */
export const YARDSTICKS: readonly { readonly what: string; readonly id: string; readonly there_ns: number }[] = [
  { what: 'flat bitmap of 2^27 bits: set 512, random', id: `${FLAT}: set 512, random`, there_ns: 2.0 },
  { what: 'the same: test 512, random', id: `${FLAT}: test 512, random`, there_ns: 2.7 },
  { what: 'popcount of its 16 MiB, AVX-512', id: `${FLAT}: count all, avx512 (one operation)`, there_ns: 172e3 },
  { what: '2 MiB by non-temporal stores', id: `${CLEAR}: limit: non-temporal stores of a line`, there_ns: 22e3 },
  { what: '2 MiB by memset', id: `${CLEAR}: memset`, there_ns: 46.6e3 },
];

export const GOALS: readonly Goal[] = [
  time('frames, 2M, 512 GiB: get', `${FRAMES_2M}: get, all of them`, 5, { elsewhere: LLFREE_2M }),
  time('frames, 2M, 512 GiB: put, random order', `${FRAMES_2M}: put, random order`, 3, { elsewhere: LLFREE_2M }),
  time('frames, 2M, 512 GiB, two threads: get, a thread', 'core/frames_2m_512g_two_threads: get, a thread', 8),
  time('frames, 4K, 512 GiB: get', `${FRAMES_4K}: get, all of them`, 4, { elsewhere: LLFREE_4K }),
  time('frames, 4K, 512 GiB: get, into random holes', `${FRAMES_4K}: get, into random holes`, 4, {
    elsewhere: LLFREE_4K,
  }),
  time('frames, 4K, 512 GiB: put, ascending', `${FRAMES_4K}: put, ascending`, 8, { elsewhere: LLFREE_4K }),
  // As a punch gives back what it frees.
  time(
    'frames, 4K, 512 GiB: put, random order, 512 in a call',
    `${FRAMES_4K}: put of 512 in a call, random order over 512 GiB`,
    8,
    {
      beside: against('one in a call', `${FRAMES_4K}: put, random order over 512 GiB`),
      elsewhere: LLFREE_4K,
    },
  ),
  time('prepared map, 512 GiB uniform: set 512 pages, random', `${UNIFORM}: set 512, random`, 1.5, {
    beside: against('flat bitmap', `${FLAT}: set 512, random`),
  }),
  time('prepared map, 512 GiB uniform: all-set test', `${UNIFORM}: test 512, random`, 1.5, {
    beside: against('flat bitmap', `${FLAT}: test 512, random`),
  }),
  time('prepared map, 512 GiB mixed: set 511 of 512, random', `${MIXED}: set 511 of 512, random`, 8, {
    beside: against('flat bitmap', `${FLAT}: set 512, random`),
  }),
  time('prepared map, 512 GiB mixed: all-set test', `${MIXED}: test 512, random`, 8, {
    beside: against('flat bitmap', `${FLAT}: test 512, random`),
  }),
  ratio(
    'count of prepared pages, 512 GiB mixed: of an AVX-512 popcount of 16 MiB',
    [`${FLAT}: count all, avx512 (one operation)`, `${MIXED}: count all, avx512 (one operation)`],
    1.3,
  ),
  time('count of prepared pages, 512 GiB uniform', `${UNIFORM}: count all, avx512 (one operation)`, 15e3, {
    beside: against('a bare sum of a word a block', 'core/words_512g: sum of a word a block, avx512 (one operation)'),
  }),
  time('fault of a 2M folio, snp, 512 GiB in order', BOOT_512, 25, {
    beside: against('the same structures in JavaScript', 'pairs/boot-2m-512g: 2M fault (same_structures)'),
  }),
  {
    what: 'boot of 512 GiB by 2M',
    value: (f) => of(f, [BOOT_512, `${BOOT_512} (operations)`], (ns, operations) => ns * operations),
    goal: 8e6,
    format: duration,
  },
  time('fault of a 4K page: in order', `${PAGES}_sequential: fault`, 20, {
    beside: against('the same structures in JavaScript', 'pairs/boot-4k-4g: 4K fault, ascending (same_structures)'),
    elsewhere: 'a real kernel ~2 us',
  }),
  time('fault of a 4K page: random over 64 GiB', `${PAGES}_random: fault`, 60),
  time('refault of a mapped page: hot', `${PAGES}_sequential: refault hot`, 8),
  time('refault of a mapped page: random over 64 GiB', `${PAGES}_sequential: refault random`, 40),
  time('convert in place, 4K, mapped and prepared: to shared', `${IN_PLACE}: to shared, mapped and prepared`, 40, {
    elsewhere: CONVERSION,
  }),
  time('convert in place, 4K: to private', `${IN_PLACE}: to private`, 40, { elsewhere: CONVERSION }),
  time('convert in place, 4K, snp: to shared', `${IN_PLACE}: snp, to shared, mapped and prepared`, 40),
  time('convert in place, 4K, snp: to private', `${IN_PLACE}: snp, to private`, 40),
  time('split of a 2M folio: warm', `${SPLIT_2M}: split, lines warm`, 80, {
    elsewhere: '~100 conversions (published: Tng 2025)',
  }),
  time('split of a 2M folio: first touch', `${SPLIT_2M}: split, lines touched for the first time`, 300),
  time('split of a 1G folio: warm', `${SPLIT_1G}: split to 2M, again`, 300, {
    elsewhere: '46 475 980 cycles (published: Tng 2025)',
  }),
  time('split of a 1G folio: first touch', `${SPLIT_1G}: split to 2M, the first of each`, 2000),
  {
    what: 'clear of a resident 2M folio: of non-temporal store bandwidth',
    value: (f) => of(f, [`${CLEAR}: 2M folio of the arena`], (ours) => clearLimit(f) / ours),
    goal: 0.9,
    atLeast: true,
    format: percent,
    beside: (f) => {
      const [ours, memset] = ['2M folio of the arena', 'memset'].map((phase) =>
        duration(f(`${CLEAR}: ${phase}`) ?? Number.NaN),
      );
      return `${ours}, limit ${duration(clearLimit(f))}, memset ${memset}`;
    },
  },
  time('one op from JavaScript', 'border/stepper: Stepper.step with fields, checked; errno read', 40, {
    beside: against(
      'a call that does nothing but look an id up',
      'border/empty-call: call that looks one id up and returns a number',
    ),
  }),
  {
    what: 'ops in one batch from JavaScript, refaults',
    value: (f) => of(f, ['border/batch: op of a batch, outcomes not kept'], (ns) => 1e9 / ns),
    goal: 60e6,
    atLeast: true,
    format: millions,
  },
  {
    what: 'replay of a packed trace of 10 M ops by the command, start included',
    value: (f) => of(f, ['replay/replay.gmt: a packed trace by the command'], (ns) => 1e9 / ns),
    goal: 20e6,
    atLeast: true,
    format: millions,
  },
  onTwoThreads('2M', 'core/vcpus_2m_512g'),
  onTwoThreads('4K', 'core/vcpus_4k_16g'),
  {
    what: 'engine metadata, all huge: a GiB of guest, from 64 to 512 GiB',
    value: (f) =>
      of(
        f,
        ['core/boot_2m_64g: resident after that boot', 'core/boot_2m_512g: resident after that boot'],
        (a, b) => (b - a) / 448,
      ),
    goal: 8.5 * 1024,
    format: bytes,
    elsewhere: 'struct page: 16 MiB',
  },
  {
    what: 'engine metadata, all 4K scattered, with RMP: a GiB of guest, from 2 to 8 GiB',
    value: (f) =>
      of(
        f,
        ['core/all_4k_scattered_2g: resident after that', 'core/all_4k_scattered_8g: resident after that'],
        (a, b) => (b - a) / 6,
      ),
    goal: 3 * 2 ** 20,
    format: bytes,
    elsewhere: 'struct page: 16 MiB',
  },
  flat('2M fault in order, 16 GiB to 4 TiB: most of least', GIB_2M('2M fault, ascending'), 1.3),
  flat('4K fault in order, 16 GiB to 4 TiB: most of least', GIB_4K('4K fault, ascending'), 1.3),
  ratio(
    'boot of 512 GiB by 2M: reference of native',
    ['pairs/boot-2m-512g: 2M fault (native)', 'pairs/boot-2m-512g: 2M fault (reference)'],
    100,
    { atLeast: true },
  ),
  ratio(
    'count of prepared pages, mixed: reference of native',
    [
      'pairs/count-mixed-16g: page counted, mixed blocks (native)',
      'pairs/count-mixed-16g: page counted, mixed blocks (reference)',
    ],
    100,
    { atLeast: true },
  ),
  ratio(
    'boot of 4 GiB by 4K: reference of native',
    ['pairs/boot-4k-4g: 4K fault, ascending (native)', 'pairs/boot-4k-4g: 4K fault, ascending (reference)'],
    5,
    { atLeast: true },
  ),
  ratio(
    'convert of one 4K page: reference of native',
    [
      'pairs/convert-4k: convert of one 4K page to shared and back, mapped 2M folios (native)',
      'pairs/convert-4k: convert of one 4K page to shared and back, mapped 2M folios (reference)',
    ],
    5,
    { atLeast: true },
  ),
  ratio(
    'count of 2^27 pages from JavaScript, mixed: Uint32Array by hand, the best that reads the bits, of engine.count',
    [`peers/engine.count: ${COUNT_ALL}`, `peers/Uint32Array: ${COUNT_ALL}`],
    15,
    { atLeast: true },
  ),
];

/** The rows there are figures for, and what there is none for. */
export function table(f: Figures): { rows: TableRow[]; missing: string[] } {
  const rows: TableRow[] = [];
  const missing: string[] = [];
  for (const { what, value, goal, atLeast, format, beside, elsewhere } of GOALS) {
    const reached = value(f);
    if (reached === undefined || !Number.isFinite(reached)) {
      missing.push(what);
      continue;
    }
    rows.push({
      what,
      reached: format(reached),
      goal: `${atLeast ? '≥' : '≤'} ${format(goal)}`,
      part: atLeast ? goal / reached : reached / goal,
      beside: beside?.(f, reached) ?? '',
      elsewhere: elsewhere ?? '',
    });
  }
  return { rows, missing };
}
