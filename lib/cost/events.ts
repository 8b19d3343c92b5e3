/**
 * The events the cost model charges, and how often each happened by the counters. One place: table, model and cost files
 * derive from it. Attempts of RMPUPDATE and PSMASH that failed cost nothing: how long they take is the other processor's
 * matter, and nobody has published it.
 */
import type { Counters } from '../spec/counters.js';

export const COST_EVENTS = {
  fault_4k: { what: 'stage-2 fault that installs a 4K leaf', count: (c) => c.faults_4k },
  fault_2m: { what: 'stage-2 fault that installs a 2M leaf', count: (c) => c.faults_2m },
  fault_1g: { what: 'stage-2 fault that installs a 1G leaf', count: (c) => c.faults_1g },
  allocate_4k: { what: 'allocation of a 4K folio, put into the file', count: (c) => c.folios_allocated_4k },
  allocate_2m: { what: 'allocation of a 2M folio, put into the file', count: (c) => c.folios_allocated_2m },
  allocate_1g: { what: 'allocation of a 1G folio, put into the file', count: (c) => c.folios_allocated_1g },
  zap_4k: { what: 'removal of a 4K leaf', count: (c) => c.zaps_4k },
  zap_2m: { what: 'removal of a 2M leaf', count: (c) => c.zaps_2m },
  zap_1g: { what: 'removal of a 1G leaf', count: (c) => c.zaps_1g },
  clear_page: { what: 'clearing of one 4K page', count: (c) => c.pages_cleared },
  rmpupdate_4k: { what: 'RMPUPDATE of a 4K entry', count: (c) => c.rmpupdate_4k },
  rmpupdate_2m: { what: 'RMPUPDATE of a 2M entry', count: (c) => c.rmpupdate_2m },
  psmash: { what: 'PSMASH of a 2M RMP entry', count: (c) => c.psmash },
  pvalidate: { what: 'PVALIDATE, or accept of a TDX page, by the guest', count: (c) => c.pvalidate },
  sept_add: { what: 'TDX page added and measured before finalize', count: (c) => c.sept_add },
  sept_aug: { what: 'TDX page added at fault', count: (c) => c.sept_aug },
  sept_demote: { what: 'demotion of a 2M TDX mapping', count: (c) => c.sept_demote },
  sept_promote: { what: 'promotion to a 2M TDX mapping', count: (c) => c.sept_promote },
  sept_remove: { what: 'TDX page blocked, tracked and removed', count: (c) => c.sept_remove },
  exit: { what: 'exit to userspace and back', count: (c) => c.exits },
  convert: { what: 'plain conversion: the conversion worker without split or merge', count: (c) => c.converts },
  split_2m: { what: 'split of a 2M folio', count: (c) => c.splits_2m },
  split_1g: { what: 'split of a 1G folio', count: (c) => c.splits_1g },
  merge_2m: { what: 'merge into a 2M folio', count: (c) => c.merges_2m },
  merge_1g: { what: 'merge into a 1G folio', count: (c) => c.merges_1g },
} as const satisfies Record<string, { what: string; count: (counters: Counters) => number }>;

export type CostEvent = keyof typeof COST_EVENTS;
export const COST_EVENT_NAMES = Object.keys(COST_EVENTS) as CostEvent[];
