/** A calibration with figures chosen for the arithmetic of the tests. */
import { costsOf } from '../../lib/calibrate/costs.js';
import { CALIBRATION_SCHEMA, type Calibration, type CalibrationFigure } from '../../lib/calibrate/document.js';
import type { FigureName } from '../../lib/calibrate/figures.js';

export function figure(median_ns: number): CalibrationFigure {
  return {
    what: 'made up',
    time: 'cpu',
    median_ns,
    p10_ns: median_ns,
    p90_ns: median_ns,
    samples: 1,
    events_per_sample: 1,
  };
}

export function madeUp(medians: Partial<Record<FigureName, number>>, ticksPerSecond = 2e9): Calibration {
  const figures = Object.fromEntries(Object.entries(medians).map(([name, ns]) => [name, figure(ns)]));
  return {
    schema: CALIBRATION_SCHEMA,
    tool: { name: 'gmem-engine', version: '0.0.0' },
    date: '2026-01-02T03:04:05.678Z',
    machine: {
      cpu: 'Made Up 9000',
      cpus: 3,
      memory_bytes: 2 ** 34,
      kernel: '6.18.0-made-up',
      node: 'v20.17.0',
      kvm_module: 'kvm_amd',
      transparent_hugepages: 'madvise',
      tsc_hz: ticksPerSecond === 0 ? null : ticksPerSecond,
      pinned_to_cpu: 0,
      load_1min: 0,
    },
    settings: { repetitions: 1, held_bytes: 2 ** 30 },
    figures,
    absent: {},
    cycles: costsOf(figures, ticksPerSecond),
  };
}
