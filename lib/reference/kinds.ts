/**
 * Memory attributes of one VM: private or shared for every gfn there is, stored as the gfns at which the kind changes.
 *
 * Invariant: `flips` is strictly ascending; below the first flip, and on every even stretch, gfns have the initial kind.
 */
export type Kind = 'shared' | 'private';

export interface Stretch {
  readonly first: number;
  readonly end: number;
  readonly kind: Kind;
}

export class Kinds {
  readonly initial: Kind;
  readonly flips: number[] = [];

  constructor(initial: Kind) {
    this.initial = initial;
  }

  at(gfn: number): Kind {
    return this.#afterFlips(this.#flipsUpTo(gfn));
  }

  /** The range [first, end) cut into stretches of one kind, ascending. */
  *stretches(first: number, end: number): Generator<Stretch> {
    let from = first;
    let passed = this.#flipsUpTo(first);
    while (from < end) {
      const to = Math.min(end, this.flips[passed] ?? end);
      yield { first: from, end: to, kind: this.#afterFlips(passed) };
      from = to;
      passed += 1;
    }
  }

  /** Every gfn of [first, end) is of `kind`. */
  uniform(first: number, end: number, kind: Kind): boolean {
    return this.at(first) === kind && (this.flips[this.#flipsUpTo(first)] ?? end) >= end;
  }

  /** Gfns of [first, end) whose kind is not `kind`. */
  countOther(first: number, end: number, kind: Kind): number {
    let count = 0;
    for (const stretch of this.stretches(first, end)) {
      if (stretch.kind !== kind) count += stretch.end - stretch.first;
    }
    return count;
  }

  set(first: number, end: number, kind: Kind): void {
    const flips: number[] = [];
    if (this.at(first - 1) !== kind) flips.push(first);
    if (this.at(end) !== kind) flips.push(end);
    const from = this.#flipsUpTo(first - 1);
    this.flips.splice(from, this.#flipsUpTo(end) - from, ...flips);
  }

  /** Flips at or below `gfn`. */
  #flipsUpTo(gfn: number): number {
    let low = 0;
    let high = this.flips.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.flips[middle] as number) <= gfn) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #afterFlips(count: number): Kind {
    if (count % 2 === 0) return this.initial;
    return this.initial === 'private' ? 'shared' : 'private';
  }
}
