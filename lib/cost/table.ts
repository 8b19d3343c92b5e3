/**
 * Cycles an event, each with where the number is from: a published source, or "fitted" and to what. No built-in number was
 * measured by this program, and none is a claim about the reader's machine; a cost file or a calibration replaces any of them.
 */

import type { Knobs } from '../spec/knobs.js';
import { ORDER_1G, ORDER_2M, pagesOf } from '../spec/units.js';
import { COST_EVENT_NAMES, type CostEvent } from './events.js';

/** `published` and `fitted` are the built-in table's, `measured` a calibration's (its `fitted` are fitted to that), `user` a cost file's. */
export const COST_BASES = ['published', 'fitted', 'measured', 'user'] as const;

export interface CostEntry {
  event: CostEvent;
  cycles: number;
  basis: (typeof COST_BASES)[number];
  source: string;
}

/** Where a table is from, as reports say it. */
export interface CostOrigin {
  kind: 'built-in' | 'cost file' | 'calibration';
  /** When it was measured, and on what; a calibration's. */
  date?: string;
  machine?: string;
}

export interface CostTable {
  readonly name: string;
  readonly origin: CostOrigin;
  readonly entries: Readonly<Record<CostEvent, CostEntry>>;
}

/**
 * Split and merge: the two published runs of a 16 GiB SNP guest (linux-mm and kvm lists, July 2025) agree on a fixed part
 * and a part a page: 1G 46 475 980 / 262 144 pages = 177 a page; 2M 7 % of 1 043 938 460 over 652 events = 112 000.
 */
const SPLIT_FIXED_CYCLES = 20_000;
const SPLIT_PAGE_CYCLES = 177;
const LIST_RUN = 'kvm/linux-mm lists, July 2025, 16 GiB SNP guest, cycles inside the conversion worker';

/** A plain conversion in the two published runs. They do not agree, so it is fitted to the run the policy resembles. */
const PLAIN_CONVERSION = {
  /** 7 % of 1 043 938 460 over 652 events, a hundredth of it. */
  upTo2m: { cycles: 1_100, source: `a hundredth of a split in the published 2M run (${LIST_RUN})` },
  upTo1g: { cycles: 320, source: `the published 1G run (${LIST_RUN})` },
} as const;

function splitCycles(order: number): number {
  return SPLIT_FIXED_CYCLES + SPLIT_PAGE_CYCLES * pagesOf(order);
}

const split2m = `20000 + 177 a page x 512, from 622 splits and ~30 merges = 7 % of 1043938460 cycles (${LIST_RUN})`;
const split1g = `20000 + 177 a page x 262144, from 46475980 cycles (${LIST_RUN})`;
const noFigure = 'no published figure';
const guestMemfd =
  'refault of a present page of a real guest_memfd (Linux 6.18, 2-vCPU Zen 5 guest), 2.1 us at its 2.6 GHz TSC';
const allocation =
  'fallocate of one page of that guest_memfd less the system call, 0.547 us on that machine at 2.6 GHz';
/** Entering and leaving the TDX module: nobody has published it by leaf function, so every one is taken as this. */
const SEAMCALL_CYCLES = 3_000;
const seamcalls = (calls: string): string =>
  `${noFigure}; ${calls}, each taken as 3000 cycles to enter and leave the module`;
const zap = 'MADV_DONTNEED of one touched 4K page less the system call, 0.95 us on that machine at 2.6 GHz';

const DEFAULTS: Record<CostEvent, Omit<CostEntry, 'event'>> = {
  fault_4k: { cycles: 5_460, basis: 'fitted', source: guestMemfd },
  fault_2m: { cycles: 5_460, basis: 'fitted', source: `${guestMemfd}; taken alike for every leaf size` },
  fault_1g: { cycles: 5_460, basis: 'fitted', source: `${guestMemfd}; taken alike for every leaf size` },
  allocate_4k: { cycles: 1_420, basis: 'fitted', source: allocation },
  allocate_2m: { cycles: 1_420, basis: 'fitted', source: `${allocation}; taken alike for every size` },
  allocate_1g: { cycles: 1_420, basis: 'fitted', source: `${allocation}; taken alike for every size` },
  zap_4k: { cycles: 2_470, basis: 'fitted', source: zap },
  zap_2m: { cycles: 2_470, basis: 'fitted', source: `${zap}; taken alike for every leaf size` },
  zap_1g: { cycles: 2_470, basis: 'fitted', source: `${zap}; taken alike for every leaf size` },
  clear_page: {
    cycles: 732,
    basis: 'published',
    source:
      'Linux commit cb431accb36e "x86/clear_page: introduce clear_pages()" (Jan 2026): 13.7 GB/s by 4K on AMD Milan, converted at 2.45 GHz',
  },
  rmpupdate_4k: { cycles: 2_000, basis: 'fitted', source: `${noFigure}; order of magnitude of a locked table update` },
  rmpupdate_2m: { cycles: 2_000, basis: 'fitted', source: `${noFigure}; taken as one 4K RMPUPDATE` },
  psmash: { cycles: 4_000, basis: 'fitted', source: `${noFigure}; taken as two RMPUPDATEs` },
  pvalidate: { cycles: 2_000, basis: 'fitted', source: `${noFigure}; taken as one RMPUPDATE` },
  sept_add: {
    cycles: 17 * SEAMCALL_CYCLES,
    basis: 'fitted',
    source: `${seamcalls('TDH.MEM.PAGE.ADD and 16 TDH.MR.EXTEND of 256 bytes')}; hashing is not in it`,
  },
  sept_aug: { cycles: SEAMCALL_CYCLES, basis: 'fitted', source: seamcalls('TDH.MEM.PAGE.AUG') },
  sept_demote: {
    cycles: 3 * SEAMCALL_CYCLES,
    basis: 'fitted',
    source: seamcalls('TDH.MEM.RANGE.BLOCK, TDH.MEM.TRACK, TDH.MEM.PAGE.DEMOTE'),
  },
  sept_promote: {
    cycles: 3 * SEAMCALL_CYCLES,
    basis: 'fitted',
    source: seamcalls('TDH.MEM.RANGE.BLOCK, TDH.MEM.TRACK, TDH.MEM.PAGE.PROMOTE'),
  },
  sept_remove: {
    cycles: 3 * SEAMCALL_CYCLES,
    basis: 'fitted',
    source: seamcalls('TDH.MEM.RANGE.BLOCK, TDH.MEM.TRACK, TDH.MEM.PAGE.REMOVE'),
  },
  exit: { cycles: 10_000, basis: 'fitted', source: `${noFigure}; order of magnitude of an SNP exit to userspace` },
  convert: { cycles: PLAIN_CONVERSION.upTo2m.cycles, basis: 'fitted', source: PLAIN_CONVERSION.upTo2m.source },
  split_2m: { cycles: splitCycles(ORDER_2M), basis: 'published', source: split2m },
  split_1g: { cycles: splitCycles(ORDER_1G), basis: 'published', source: split1g },
  merge_2m: { cycles: splitCycles(ORDER_2M), basis: 'published', source: `taken as a split: ${split2m}` },
  merge_1g: { cycles: splitCycles(ORDER_1G), basis: 'published', source: `taken as a split: ${split1g}` },
};

export const DEFAULT_COST_TABLE: CostTable = tableOf('built-in', { kind: 'built-in' }, DEFAULTS);

/** The table with the numbers of `replaced` in place of its own. */
export function withCosts(
  name: string,
  replaced: Partial<Record<CostEvent, Omit<CostEntry, 'event'>>>,
  origin: CostOrigin = { kind: 'cost file' },
): CostTable {
  return tableOf(name, origin, { ...DEFAULT_COST_TABLE.entries, ...replaced });
}

/** What a plain conversion costs under these knobs: fitted to the published run nearest to them, unless the user said. */
export function plainConversion(table: CostTable, knobs: Knobs): { cycles: number; source: string } {
  const entry = table.entries.convert;
  if (entry.basis === 'user') return entry;
  return knobs.hugepages === '1G' ? PLAIN_CONVERSION.upTo1g : PLAIN_CONVERSION.upTo2m;
}

function tableOf(name: string, origin: CostOrigin, numbers: Record<CostEvent, Omit<CostEntry, 'event'>>): CostTable {
  const entries = Object.fromEntries(
    COST_EVENT_NAMES.map((event) => [event, Object.freeze({ ...numbers[event], event })]),
  ) as Record<CostEvent, CostEntry>;
  return Object.freeze({ name, origin: Object.freeze(origin), entries: Object.freeze(entries) });
}
