/**
 * The tests' own seeded generator: the same number gives the same stream on every machine and Node version.
 * Marsaglia's xorshift with a Weyl sequence (xorwow's idea in 32 bits); quality is ample for choosing test cases.
 */
export class Random {
  #x: number;
  #weyl: number;

  constructor(seed: number) {
    this.#x = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x6d2b79f5) | 0 || 1;
    this.#weyl = Math.floor(seed / 2 ** 32) | 0;
    for (let i = 0; i < 8; i += 1) this.u32();
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    let x = this.#x;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#x = x;
    this.#weyl = (this.#weyl + 362437) | 0;
    return (Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + this.#weyl) >>> 0;
  }

  /** Integer in [0, n), n a positive safe integer. */
  below(n: number): number {
    if (n <= 2 ** 32) return Math.floor((this.u32() / 2 ** 32) * n);
    return Math.floor(((this.u32() * 2 ** 21 + (this.u32() >>> 11)) / 2 ** 53) * n);
  }

  /** Integer in [from, to], both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('pick from an empty list');
    return list[this.below(list.length)] as T;
  }

  /** Key of `weights` with a probability in proportion to its weight. */
  weighted<K extends string>(weights: { readonly [P in K]?: number }): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = (this.u32() / 2 ** 32) * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return (entries.at(-1) as [K, number])[0];
  }

  /** A number that seeds another generator. */
  fork(): number {
    return this.u32();
  }
}
