/**
 * The workloads' random numbers: sfc32 (Doty-Humphrey), started from a list of numbers, so that every phase of every guest
 * has a sequence of its own: adding a phase changes no other. 32-bit arithmetic alone: the same on every machine.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seeds numbers that name the sequence, such as seed, guest and phase. */
  constructor(...seeds: readonly number[]) {
    this.#a = 0x243f6a88;
    this.#b = 0x85a308d3;
    this.#c = 0x13198a2e;
    for (const seed of seeds) {
      this.#a ^= seed | 0;
      this.#b ^= Math.floor(seed / 2 ** 32) | 0;
      for (let i = 0; i < 12; i += 1) this.u32();
    }
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform integer in [0, n), n at most 2^32. */
  below(n: number): number {
    return Math.floor((this.u32() / 2 ** 32) * n);
  }

  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32;
  }

  /** Positive integer with this mean, geometrically distributed. */
  geometric(mean: number): number {
    if (mean <= 1) return 1;
    return 1 + Math.floor(Math.log(1 - this.u32() / 2 ** 32) / Math.log(1 - 1 / mean));
  }

  /** Shuffles in place (Fisher and Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i -= 1) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j] as T, items[i] as T];
    }
    return items;
  }
}
