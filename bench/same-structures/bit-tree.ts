/**
 * A set of numbers below a fixed capacity as a 32-ary tree of bitmaps, as native/core/bit_tree.h has it with 64: bit i of a word
 * on level n+1 says that word i of level n has a bit set.
 */
export class BitTree {
  readonly #levels: Int32Array[] = [];

  constructor(capacity: number) {
    let words = capacity;
    do {
      words = Math.max(1, (words + 31) >>> 5);
      this.#levels.push(new Int32Array(words));
    } while (words > 1);
  }

  set(member: number): void {
    let i = member;
    for (const level of this.#levels) {
      const word = level[i >>> 5] as number;
      level[i >>> 5] = word | (1 << (i & 31));
      if (word !== 0) return;
      i >>>= 5;
    }
  }

  clear(member: number): void {
    let i = member;
    for (const level of this.#levels) {
      const word = (level[i >>> 5] as number) & ~(1 << (i & 31));
      level[i >>> 5] = word;
      if (word !== 0) return;
      i >>>= 5;
    }
  }

  /** Lowest member, or -1. */
  first(): number {
    if ((this.#levels.at(-1) as Int32Array)[0] === 0) return -1;
    let i = 0;
    for (let level = this.#levels.length - 1; level >= 0; level -= 1) {
      i = (i << 5) + countTrailingZeros((this.#levels[level] as Int32Array)[i] as number);
    }
    return i;
  }
}

/** Of a word that is not 0. */
export function countTrailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
