/**
 * Measures this host. Samples are short and taken in turns, figure after figure, so that a host that slows down slows all of
 * them; between two of them the event loop runs, which is where an interrupt is heard. Nothing outlives the call.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, freemem, loadavg, release, totalmem } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GmemError } from '../engine/error.js';
import { errnoName } from '../spec/errnos.js';
import { PACKAGE } from '../version.js';
import { costsOf } from './costs.js';
import { CALIBRATION_SCHEMA, type Calibration, type CalibrationFigure } from './document.js';
import { FIGURE_NAMES, type FigureName, figureKind } from './figures.js';
import { calibrateAddon, type Sample } from './native.js';
import { spread } from './statistics.js';

export interface CalibrateOptions {
  /** Samples of each figure, default 15. */
  repetitions?: number | undefined;
  /** Figures to measure, default all. */
  figures?: readonly FigureName[] | undefined;
  signal?: AbortSignal | undefined;
  /** Samples taken, and all of them. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export const DEFAULT_REPETITIONS = 15;
const HELD_BYTES = 2 ** 30;
const HELD_UNIT = 2 ** 21;

/**
 * Runs the calibration.
 *
 * @throws GmemError `ERR_GMEM_ABORTED` when the signal says so: half a calibration is none.
 */
export async function calibrate(options: CalibrateOptions = {}): Promise<Calibration> {
  const repetitions = options.repetitions ?? DEFAULT_REPETITIONS;
  const wanted = options.figures ?? FIGURE_NAMES;
  const held = heldBytes();
  const addon = calibrateAddon();
  const date = new Date().toISOString();
  const load = loadavg()[0] as number;
  const handle = addon.calibrateOpen(held);
  const book = new Book();
  try {
    let done = 0;
    const order = schedule(wanted, repetitions);
    for (const name of order) {
      if (options.signal?.aborted === true) {
        throw new GmemError('ERR_GMEM_ABORTED', 'the calibration was interrupted; nothing is kept of it');
      }
      if (book.wants(name)) book.enter(name, addon.calibrateSample(handle, name));
      done += 1;
      options.onProgress?.(done, order.length);
      await nextTurn();
    }
    const { ticksPerSecond, processor } = addon.calibrateHost(handle);
    const { figures, absent } = book.close();
    return {
      schema: CALIBRATION_SCHEMA,
      tool: { name: PACKAGE.name, version: PACKAGE.version },
      date,
      machine: {
        cpu: cpus()[0]?.model.trim() || 'unknown',
        cpus: Math.max(1, cpus().length),
        memory_bytes: totalmem(),
        kernel: release(),
        node: process.version,
        kvm_module: kvmModule(),
        transparent_hugepages: hugePages(),
        tsc_hz: ticksPerSecond === 0 ? null : Math.round(ticksPerSecond),
        pinned_to_cpu: processor < 0 ? null : processor,
        load_1min: Math.round(load * 100) / 100,
      },
      settings: { repetitions, held_bytes: held },
      figures,
      absent,
      cycles: costsOf(figures, ticksPerSecond),
    };
  } finally {
    addon.calibrateClose(handle);
  }
}

/** Figures of memory as it comes first, before anything is freed; then the others, one sample each, again and again. */
export function schedule(wanted: readonly FigureName[], repetitions: number): FigureName[] {
  const first = wanted.filter((name) => figureKind(name).asItComes);
  const others = wanted.filter((name) => !figureKind(name).asItComes);
  const order = first.flatMap((name) => Array<FigureName>(repetitions).fill(name));
  for (let i = 0; i < repetitions; i += 1) order.push(...others);
  return order;
}

/** Samples by figure, and why there are none. */
class Book {
  readonly #samples = new Map<FigureName, Sample[]>();
  readonly #lacking = new Map<FigureName, Sample>();

  wants(name: FigureName): boolean {
    return !this.#lacking.has(name);
  }

  enter(name: FigureName, sample: Sample): void {
    if (sample.lacks !== null) this.#lacking.set(name, sample);
    else this.#samples.set(name, [...(this.#samples.get(name) ?? []), sample]);
  }

  /** What was lacking only after some samples does not take those away. */
  close(): Pick<Calibration, 'figures' | 'absent'> {
    const figures: Calibration['figures'] = {};
    const absent: Calibration['absent'] = {};
    for (const name of FIGURE_NAMES) {
      const samples = this.#samples.get(name);
      const lacking = this.#lacking.get(name);
      if (samples !== undefined) figures[name] = summary(name, samples);
      else if (lacking !== undefined) {
        const errno = errnoName(lacking.errno);
        absent[name] = { reason: `this host lacks, or refused: ${lacking.lacks}`, errno };
      }
    }
    return { figures, absent };
  }
}

function summary(name: FigureName, samples: readonly Sample[]): CalibrationFigure {
  const { what, clears, asItComes } = figureKind(name);
  const found = spread(samples.map((sample) => (asItComes ? sample.wallNanoseconds : sample.cpuNanoseconds)));
  const rate = clears === undefined ? {} : { bytes_per_second: Math.round((clears * 1e9) / found.median_ns) };
  return {
    what,
    time: asItComes ? 'wall' : 'cpu',
    ...found,
    events_per_sample: (samples[0] as Sample).events,
    ...rate,
  };
}

/** A gibibyte, or a quarter of what is available. */
function heldBytes(): number {
  const quarter = Math.floor(freemem() / 4 / HELD_UNIT) * HELD_UNIT;
  return Math.max(HELD_UNIT, Math.min(HELD_BYTES, quarter));
}

function kvmModule(): string | null {
  try {
    return readdirSync('/sys/module').find((name) => /^kvm_\w+$/.test(name)) ?? null;
  } catch {
    return null;
  }
}

function hugePages(): string | null {
  const file = '/sys/kernel/mm/transparent_hugepage/enabled';
  if (!existsSync(file)) return null;
  return /\[(\w+)\]/.exec(readFileSync(file, 'utf8'))?.[1] ?? null;
}
