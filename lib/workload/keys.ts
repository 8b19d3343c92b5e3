/**
 * The kinds of values a scenario has: how each is written in YAML, what is accepted, its unit. Every schema of the
 * workloads is made of these, so that an error always says what is accepted, and the documents always name the unit.
 */
import { z } from 'zod';
import { isVisible, shown } from '../ops/problems.js';
import { PAGE_BYTES, parseSize } from '../spec/units.js';

const got =
  (accepted: string) =>
  (issue: { input?: unknown }): string =>
    issue.input === undefined ? `missing, accepted: ${accepted}` : `got ${shown(issue.input)}, accepted: ${accepted}`;

/**
 * Bytes as a number, or as text with a binary unit; a multiple of `multiple`, not 0 unless `least` is, `most` at the most. Result:
 * bytes.
 */
export function size(multiple: number = PAGE_BYTES, least: number = multiple, most?: number) {
  const whole = multiple === 1 ? '' : `, a multiple of ${written(multiple)}`;
  const from = least > 0 ? `, at least ${written(least)}` : '';
  const below = most === undefined ? '' : `, less than ${written(most + multiple)}`;
  const accepted = `bytes or a size such as 64KiB, 2MiB, 16GiB${whole}${from}${below}`;
  const legal = (bytes: number | undefined): boolean =>
    bytes !== undefined && bytes >= least && bytes % multiple === 0 && !(bytes > (most ?? Number.MAX_SAFE_INTEGER));
  return quantity(legal, accepted, 'bytes');
}

/** A guest-physical address: a number or hexadecimal, or text with a unit (4GiB). Result: bytes. */
export function address(multiple: number = PAGE_BYTES) {
  const accepted = `a guest-physical address such as 0x100000000 or 4GiB, a multiple of ${written(multiple)}`;
  return quantity((bytes) => bytes !== undefined && bytes >= 0 && bytes % multiple === 0, accepted, 'bytes');
}

function quantity(legal: (bytes: number | undefined) => boolean, accepted: string, unit: string) {
  const error = got(accepted);
  return z
    .union([z.number(), z.string()], { error })
    .transform((value, context) => {
      const bytes = typeof value === 'number' ? value : parseSize(value);
      if (bytes === undefined || !Number.isSafeInteger(bytes) || !legal(bytes)) {
        context.addIssue({ code: 'custom', message: error({ input: value }) });
        return z.NEVER;
      }
      return bytes;
    })
    .meta({ unit });
}

function written(bytes: number): string {
  if (bytes >= 2 ** 40 && bytes % 2 ** 40 === 0) return `${bytes / 2 ** 40}TiB`;
  if (bytes >= 2 ** 30 && bytes % 2 ** 30 === 0) return `${bytes / 2 ** 30}GiB`;
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20}MiB`;
  return `${bytes / 1024}KiB`;
}

/** A whole number in a range. */
export function count(least: number, most: number) {
  const error = got(`a whole number, ${least} to ${most}`);
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** A part of something: `6%`, or 0.06. Result: 0 to 1. */
export function share() {
  const accepted = 'a share such as 6% or 0.06, 0 to 1';
  const error = got(accepted);
  return z
    .union([z.number(), z.string()], { error })
    .transform((value, context) => {
      const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value) : null;
      const part = typeof value === 'number' ? value : percent === null ? Number.NaN : Number(percent[1]) / 100;
      if (!(part >= 0 && part <= 1)) {
        context.addIssue({ code: 'custom', message: error({ input: value }) });
        return z.NEVER;
      }
      return part;
    })
    .meta({ unit: 'share' });
}

/** Seconds of simulated time. */
export function seconds() {
  const error = got('seconds, 0 to 1000000');
  return z.number({ error }).min(0, { error }).max(1e6, { error }).meta({ unit: 'seconds' });
}

export function choice<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: got(values.join(', ')) });
}

export function flag() {
  return z.boolean({ error: got('true or false') });
}

/** What reports and messages show: a terminal would obey control characters. */
export function name() {
  return text().refine(isVisible, {
    error: ({ input }) => `got ${shown(input)}, accepted: text without control characters`,
  });
}

export function text() {
  return z.string({ error: got('text') }).min(1, { error: got('text') });
}
