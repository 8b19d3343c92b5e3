/** Order statistics of samples. */

export interface Spread {
  median_ns: number;
  p10_ns: number;
  p90_ns: number;
  samples: number;
}

/** The value below which a part of the samples lies, linear between two of them. `sorted` ascending, not empty. */
export function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (at - below);
}

export function median(values: readonly number[]): number {
  return quantile([...values].sort(ascending), 0.5);
}

/** Nanoseconds to a tenth, which is finer than any spread. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort(ascending);
  const at = (part: number): number => Math.round(quantile(sorted, part) * 10) / 10;
  return { median_ns: at(0.5), p10_ns: at(0.1), p90_ns: at(0.9), samples: sorted.length };
}

function ascending(a: number, b: number): number {
  return a - b;
}
