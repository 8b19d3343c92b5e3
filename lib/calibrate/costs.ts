/**
 * From figures to cycles an event: what was measured replaces the built-in number, the rest keeps it and says so.
 *
 * `measured` is a figure, or arithmetic on figures, of that very event. `fitted` is a measured figure of the nearest thing
 * where this kernel has not the thing itself (2M and 1G folios of guest_memfd). RMP instructions, splits, merges and
 * conversions do not exist on a host without them; an exit for a conversion is not the emulated MMIO exit that can be timed.
 */
import { COST_EVENT_NAMES, type CostEvent } from '../cost/events.js';
import { DEFAULT_COST_TABLE } from '../cost/table.js';
import { ORDER_2M, pagesOf } from '../spec/units.js';
import type { CalibratedCost, CalibrationFigure } from './document.js';
import { FIGURES, type FigureName } from './figures.js';

type Figures = Readonly<Partial<Record<FigureName, CalibrationFigure>>>;

interface Rule {
  readonly event: CostEvent;
  readonly basis: 'measured' | 'fitted';
  readonly figures: readonly FigureName[];
  /** Nanoseconds of the event, of the figures' medians in their order. */
  readonly ns: (...medians: number[]) => number;
  readonly source: string;
}

const PAGES_2M = pagesOf(ORDER_2M);
const ALIKE = 'taken alike for every size: this kernel has 4K folios of guest_memfd only';
const PRESENT = 'gmem_vcpu_fault_present_4k';
const share = (ns: number): number => ns / PAGES_2M;
const itself = (ns: number): number => ns;
const allocation = `a 512th of gmem_fallocate_2m`;
const removal = 'a 512th of gmem_punch_mapped_2m: the leaf goes and the page is freed';

/** The first rule of an event whose figures are all there wins. */
const RULES: readonly Rule[] = [
  { event: 'fault_4k', basis: 'measured', figures: [PRESENT], ns: itself, source: PRESENT },
  { event: 'fault_2m', basis: 'fitted', figures: [PRESENT], ns: itself, source: `${PRESENT}, ${ALIKE}` },
  { event: 'fault_1g', basis: 'fitted', figures: [PRESENT], ns: itself, source: `${PRESENT}, ${ALIKE}` },
  { event: 'allocate_4k', basis: 'measured', figures: ['gmem_fallocate_2m'], ns: share, source: allocation },
  {
    event: 'allocate_2m',
    basis: 'fitted',
    figures: ['gmem_fallocate_2m'],
    ns: share,
    source: `${allocation}, ${ALIKE}`,
  },
  {
    event: 'allocate_1g',
    basis: 'fitted',
    figures: ['gmem_fallocate_2m'],
    ns: share,
    source: `${allocation}, ${ALIKE}`,
  },
  { event: 'zap_4k', basis: 'measured', figures: ['gmem_punch_mapped_2m'], ns: share, source: removal },
  { event: 'zap_2m', basis: 'fitted', figures: ['gmem_punch_mapped_2m'], ns: share, source: `${removal}; ${ALIKE}` },
  { event: 'zap_1g', basis: 'fitted', figures: ['gmem_punch_mapped_2m'], ns: share, source: `${removal}; ${ALIKE}` },
  { event: 'clear_page', basis: 'measured', figures: ['clear_string_4k'], ns: itself, source: 'clear_string_4k' },
  { event: 'clear_page', basis: 'measured', figures: ['clear_memset_4k'], ns: itself, source: 'clear_memset_4k' },
];

/**
 * Cycles of every event.
 *
 * @param ticksPerSecond of the time-stamp counter; 0: no clock to count cycles with, every event keeps its built-in number.
 */
export function costsOf(figures: Figures, ticksPerSecond: number): Record<CostEvent, CalibratedCost> {
  const entries = COST_EVENT_NAMES.map((event): [CostEvent, CalibratedCost] => {
    for (const rule of RULES) {
      if (rule.event !== event || ticksPerSecond === 0) continue;
      const medians = rule.figures.map((name) => figures[name]?.median_ns);
      if (medians.includes(undefined)) continue;
      const cycles = Math.round((rule.ns(...(medians as number[])) * ticksPerSecond) / 1e9);
      const meant = rule.figures.map((name) => FIGURES[name].what).join('; ');
      return [event, { cycles, basis: rule.basis, source: `${rule.source} (${meant})` }];
    }
    const { cycles, basis, source } = DEFAULT_COST_TABLE.entries[event];
    return [event, { cycles, basis, source: `not measured here, the built-in number: ${source}` }];
  });
  return Object.fromEntries(entries) as Record<CostEvent, CalibratedCost>;
}
