/**
 * Modelled cycles: counters times the table. It is arithmetic, not a measurement, and every report calls it modelled.
 */
import type { Modelled } from '../compare/results.js';
import type { Counters } from '../spec/counters.js';
import type { Knobs } from '../spec/knobs.js';
import { COST_EVENT_NAMES, COST_EVENTS, type CostEvent } from './events.js';
import { type CostTable, plainConversion } from './table.js';

/** Cycles by event; an event that did not happen is left out. */
export function model(counters: Counters, knobs: Knobs, table: CostTable): Modelled {
  const plain = plainConversion(table, knobs).cycles;
  const cycles: Partial<Record<CostEvent, number>> = {};
  let total = 0;
  for (const event of COST_EVENT_NAMES) {
    const count = COST_EVENTS[event].count(counters);
    if (count === 0) continue;
    const spent = count * (event === 'convert' ? plain : table.entries[event].cycles);
    cycles[event] = spent;
    total += spent;
  }
  return { cycles_total: total, cycles, plain_conversion_cycles: plain };
}
