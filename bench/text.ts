/**
 * Figures as text, the same in the terminal and on the page.
 */
import type { Result } from './results.js';

export function duration(ns: number): string {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(2)} s`;
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(2)} ms`;
  if (ns >= 1e4) return `${(ns / 1e3).toFixed(1)} us`;
  return `${ns.toFixed(ns < 1 ? 3 : ns < 100 ? 1 : 0)} ns`;
}

/** Binary units, two digits behind the point. */
export function bytes(amount: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = amount < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(amount) / 10));
  return power === 0 ? `${amount} B` : `${(amount / 2 ** (10 * power)).toFixed(2)} ${units[power]}`;
}

/** `median_ns` or `median_bytes` of a result, and so for the others. */
export function formatFigure(result: Result, which: string): string {
  const ns = result[`${which}_ns`];
  return typeof ns === 'number' ? duration(ns) : bytes(result[`${which}_bytes`] as number);
}
