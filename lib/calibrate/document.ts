/**
 * A calibration as a file: the schema `gmem.calibration/1`. Keys carry their unit. What could not be measured is under
 * `absent` with the reason and the errno; what follows for the cost model is under `cycles`, every event, each with where
 * its number is from.
 */
import { z } from 'zod';
import { COST_EVENT_NAMES, type CostEvent } from '../cost/events.js';
import { COST_BASES } from '../cost/table.js';
import { FIGURE_NAMES, type FigureName } from './figures.js';

export const CALIBRATION_SCHEMA = 'gmem.calibration/1';

const nanoseconds = z.number().nonnegative();
const text = z.string().min(1);
const figureName = z.enum(FIGURE_NAMES as [FigureName, ...FigureName[]]);
const costEvent = z.enum(COST_EVENT_NAMES as [CostEvent, ...CostEvent[]]);

const figure = z.strictObject({
  what: text,
  /** `cpu`: the thread's own time on a processor; `wall`: from start to end. */
  time: z.enum(['cpu', 'wall']),
  median_ns: nanoseconds,
  p10_ns: nanoseconds,
  p90_ns: nanoseconds,
  samples: z.int().positive(),
  /** A sample is the mean of this many events in a row. */
  events_per_sample: z.int().positive(),
  /** By the median; clearing figures only. */
  bytes_per_second: z.number().positive().optional(),
});

const cost = z.strictObject({
  cycles: z.number().nonnegative(),
  basis: z.enum(COST_BASES),
  source: text,
});

export const calibrationSchema = z.strictObject({
  schema: z.literal(CALIBRATION_SCHEMA),
  tool: z.strictObject({ name: text, version: text }),
  /** When it began, UTC. */
  date: z.iso.datetime(),
  machine: z.strictObject({
    cpu: text,
    cpus: z.int().positive(),
    memory_bytes: z.int().positive(),
    kernel: text,
    node: text,
    /** KVM's vendor module; null where none is loaded or built in by name. */
    kvm_module: text.nullable(),
    /** The kernel's word for when it gives transparent huge pages; null where it has none. */
    transparent_hugepages: text.nullable(),
    /** Time-stamp counter; `cycles` count it. null where there is none: then no cycles were measured. */
    tsc_hz: z.int().positive().nullable(),
    /** Processor the samples were pinned to; null where that was refused. */
    pinned_to_cpu: z.int().nonnegative().nullable(),
    /** Load when it began: above 0, others ran beside it. */
    load_1min: z.number().nonnegative(),
  }),
  settings: z.strictObject({ repetitions: z.int().positive(), held_bytes: z.int().positive() }),
  figures: z.partialRecord(figureName, figure),
  absent: z.partialRecord(figureName, z.strictObject({ reason: text, errno: text })),
  cycles: z.partialRecord(costEvent, cost),
});

export type Calibration = z.infer<typeof calibrationSchema>;
export type CalibrationFigure = z.infer<typeof figure>;
export type CalibratedCost = z.infer<typeof cost>;

/** One line for the machine a calibration was made on. */
export function machineLine({ machine }: Calibration): string {
  const module = machine.kvm_module === null ? '' : `, ${machine.kvm_module}`;
  return `${machine.cpu}, ${machine.cpus} CPUs, Linux ${machine.kernel}${module}`;
}

export function formatCalibration(calibration: Calibration): string {
  return `${JSON.stringify(calibration, null, 2)}\n`;
}
