/**
 * The package's edge for what is said of single values: sizes, orders, errnos, knobs, rows. The same functions the package uses,
 * with the arguments of a stranger checked first.
 */
import { isRun as isRunRow, type PolicyResult, type RunResult } from './compare/results.js';
import { argumentError, toChoice, toInteger, toText } from './engine/arguments.js';
import { shown } from './ops/problems.js';
import { checkKnobs } from './policy/policy.js';
import { type Errno, errnoName as nameOf } from './spec/errnos.js';
import { ARCHES, type Arch, KNOB_NAMES, type Knobs } from './spec/knobs.js';
import { unsupportedReason as reasonOf } from './spec/supported.js';
import * as units from './spec/units.js';

/** An errno is a u16 of an outcome. */
const MOST_ERRNO = 0xffff;

/**
 * Parses `4096`, `0x1000`, `4K`, `2MiB`, `1.5GiB`, `512GB`. Every unit is a power of two.
 *
 * @returns bytes, a safe integer, or `undefined` when the text is not a size.
 * @throws GmemError `ERR_GMEM_ARGUMENT` (as all of these) for what is no text.
 */
export function parseSize(text: string): number | undefined {
  return units.parseSize(toText('text', text));
}

/** Formats bytes in the largest binary unit, with at most two decimals: `16 GiB`, `1.25 MiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) {
    throw argumentError(`bytes: ${shown(bytes)} is not accepted, accepted: a finite number`);
  }
  return units.formatBytes(bytes);
}

/** Name of the folio size or stage-2 level of an order: 0, 9 or 18. */
export function levelName(order: units.Order): units.Level {
  if (!units.ORDERS.includes(order)) {
    throw argumentError(`order: ${shown(order)} is not accepted, accepted: ${units.ORDERS.join(', ')}`);
  }
  return units.levelName(order);
}

/** Name of an errno number; an unknown one is shown as `E<number>` so that nothing is lost. */
export function errnoName(number: number): Errno | `E${number}` {
  return nameOf(toInteger('errno', number, 0, MOST_ERRNO));
}

/** Whether a row of a results document is of a run: the others have a reason in `refused`. */
export function isRun(result: PolicyResult): result is RunResult {
  if (typeof result !== 'object' || result === null) {
    throw argumentError(`result: ${shown(result)} is not accepted, accepted: a row of results`);
  }
  return isRunRow(result);
}

/**
 * Why the engines cannot run these knobs on this arch; `undefined` when they can.
 *
 * @throws GmemError `ERR_GMEM_POLICY` for what is not every knob with a value of its own, `ERR_GMEM_ARGUMENT` for no arch.
 */
export function unsupportedReason(knobs: Knobs, arch: Arch): string | undefined {
  checkKnobs('knobs', knobs, KNOB_NAMES);
  return reasonOf(knobs, toChoice('arch', arch, ARCHES));
}
