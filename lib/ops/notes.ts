/**
 * The rare annotations of ops, by position. A recorded trace has the same few on many ops, so equal ones are stored
 * once, and an op costs four bytes however many there are.
 *
 * Invariants: `#numbers[i]` is 0, or 1 + the position in `#distinct` of what op i carries; an entry of `#distinct` never
 * changes. What `get` gives is shared, and frozen.
 */

export interface Notes {
  readonly derived?: boolean;
  readonly source?: string;
  readonly note?: string;
}

/** Distinct annotations looked up; beyond them, equal ones are stored again. */
const MOST_KNOWN = 1 << 16;

export class NoteList implements Iterable<[op: number, notes: Notes]> {
  /** Ops that carry any. */
  size = 0;
  #numbers = new Uint32Array(0);
  #distinct: Notes[] = [];
  readonly #known = new Map<string, number>();
  /** Number of what was set last: most often the next is equal. */
  #last = 0;

  get(op: number): Notes | undefined {
    const number = this.#numbers[op] ?? 0;
    return number === 0 ? undefined : this.#distinct[number - 1];
  }

  set(op: number, notes: Notes): void {
    if (op >= this.#numbers.length) {
      const grown = new Uint32Array(Math.max(1024, 2 * (op + 1)));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    if (this.#numbers[op] === 0) this.size += 1;
    this.#numbers[op] = this.#numberOf(notes);
  }

  clear(): void {
    if (this.size === 0) return;
    this.size = 0;
    this.#numbers = new Uint32Array(0);
    this.#distinct = [];
    this.#known.clear();
    this.#last = 0;
  }

  /** Ascending. */
  *[Symbol.iterator](): Generator<[op: number, notes: Notes]> {
    let left = this.size;
    for (let op = 0; left > 0; op += 1) {
      const notes = this.get(op);
      if (notes === undefined) continue;
      left -= 1;
      yield [op, notes];
    }
  }

  #numberOf({ derived, source, note }: Notes): number {
    const last = this.#distinct[this.#last - 1];
    if (last !== undefined && last.derived === derived && last.source === source && last.note === note) {
      return this.#last;
    }
    const key = JSON.stringify([derived, source, note]);
    this.#last = this.#known.get(key) ?? 0;
    if (this.#last !== 0) return this.#last;
    this.#distinct.push(
      Object.freeze({
        ...(derived === undefined ? {} : { derived }),
        ...(source === undefined ? {} : { source }),
        ...(note === undefined ? {} : { note }),
      }),
    );
    this.#last = this.#distinct.length;
    if (this.#known.size < MOST_KNOWN) this.#known.set(key, this.#last);
    return this.#last;
  }
}
