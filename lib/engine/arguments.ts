/**
 * Checks of what callers give, shared by everything public: objects with known keys, sizes, integers in a range.
 * Whatever is wrong becomes a GmemError `ERR_GMEM_ARGUMENT` that says what is accepted.
 */
import { shown } from '../ops/problems.js';
import { didYouMean } from '../ops/suggest.js';
import { parseSize } from '../spec/units.js';
import { GmemError } from './error.js';

/** Bytes: a safe integer, or text such as `0x1000`, `64K`, `2MiB`, `512GiB` (every unit is a power of two). */
export type Size = number | string;

export function argumentError(message: string): GmemError {
  return new GmemError('ERR_GMEM_ARGUMENT', message);
}

/** @throws GmemError when `value` is no plain object, or has a key that is not accepted. */
export function checkKeys(what: string, value: unknown, accepted: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw argumentError(`${what}: ${shown(value)} is not accepted, accepted: an object with ${accepted.join(', ')}`);
  }
  for (const key of Object.keys(value)) {
    if (!accepted.includes(key)) {
      const hint = didYouMean(key, accepted);
      throw argumentError(`${what}: unknown key ${shown(key)}${hint}, accepted: ${accepted.join(', ')}`);
    }
  }
  return value as Record<string, unknown>;
}

/** Bytes of a size. Negative numbers pass: they are legal quantities of an op. */
export function toBytes(what: string, value: unknown): number {
  const bytes = typeof value === 'string' ? parseSize(value) : value;
  if (!Number.isSafeInteger(bytes)) {
    throw argumentError(
      `${what}: ${shown(value)} is not accepted, accepted: bytes as a safe integer, or text like "2MiB"`,
    );
  }
  return bytes as number;
}

export function toInteger(what: string, value: unknown, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw argumentError(`${what}: ${shown(value)} is not accepted, accepted: an integer from ${min} to ${max}`);
  }
  return value as number;
}

export function toBoolean(what: string, value: unknown): boolean {
  if (typeof value !== 'boolean')
    throw argumentError(`${what}: ${shown(value)} is not accepted, accepted: true, false`);
  return value;
}

export function toChoice<T extends string>(what: string, value: unknown, accepted: readonly T[]): T {
  if (!accepted.includes(value as T)) {
    const hint = typeof value === 'string' ? didYouMean(value, accepted) : '';
    throw argumentError(`${what}: ${shown(value)} is not accepted${hint}, accepted: ${accepted.join(', ')}`);
  }
  return value as T;
}

export function toText(what: string, value: unknown): string {
  if (typeof value !== 'string') throw argumentError(`${what}: ${shown(value)} is not accepted, accepted: text`);
  return value;
}

/** Bytes that are still there: memory that was handed to another thread, or has shrunk away, is not. */
export function toByteArray(what: string, value: unknown): Uint8Array {
  const bytes = toInstance(what, value, Uint8Array);
  try {
    bytes.at(0);
  } catch {
    throw argumentError(`${what}: its memory was given away, accepted: a Uint8Array with its bytes`);
  }
  return bytes;
}

/** What was given, or what it is without: `null` is a value, and no option. */
export function orDefault(value: unknown, without: unknown): unknown {
  return value === undefined ? without : value;
}

/** What things of the language are called. */
const WORDS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Array, 'a list'],
  [Function, 'a function'],
  [AbortSignal, 'an AbortSignal'],
]);

export function toInstance<T>(what: string, value: unknown, type: abstract new (...args: never[]) => T): T {
  if (!(value instanceof type)) {
    throw argumentError(`${what}: ${shown(value)} is not accepted, accepted: ${WORDS.get(type) ?? type.name}`);
  }
  return value;
}
