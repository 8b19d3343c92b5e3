/**
 * What does not work in one phase, each thing once: guests that fail alike make one problem, and of a default nobody wrote
 * the first problem is enough.
 */
import type { Problem } from './issues.js';
import { type KeyPath, writtenPath } from './places.js';

/** Guests named by a problem that is not one of all. */
const NAMED = 3;

export class PhaseProblems {
  readonly #found = new Map<string, { path: KeyPath; message: string; guests: number[] }>();
  readonly #defaults = new Set<string>();

  /**
   * @param phase position in the scenario.
   * @param given keys that are in the file.
   * @param guests names of the guests the phase is of.
   */
  constructor(
    private readonly phase: number,
    private readonly given: ReadonlySet<string>,
    private readonly guests: readonly string[],
  ) {}

  /** @param guest position in `guests`. */
  add(guest: number, key: string | KeyPath, message: string): void {
    const keys = typeof key === 'string' ? [key] : key;
    if (this.given.has(keys[0] as string)) {
      this.#add(guest, keys, message);
      return;
    }
    const first = `${guest} ${String(keys[0])}`;
    if (this.#defaults.has(first)) return;
    this.#defaults.add(first);
    this.#add(guest, keys.slice(0, 1), `${message} (by default: the key is not in the file)`);
  }

  all(): Problem[] {
    return [...this.#found.values()].map(({ path, message, guests }) => ({
      path,
      message: message + this.#whose(guests),
    }));
  }

  #add(guest: number, keys: KeyPath, message: string): void {
    const path = ['phases', this.phase, ...keys];
    const same = `${writtenPath(path)}: ${message}`;
    const known = this.#found.get(same);
    if (known === undefined) this.#found.set(same, { path, message, guests: [guest] });
    else if (known.guests.at(-1) !== guest) known.guests.push(guest);
  }

  /** Nothing where it is so for every guest of the phase. */
  #whose(found: readonly number[]): string {
    if (found.length === this.guests.length) return '';
    const names = found.slice(0, NAMED).map((guest) => this.guests[guest]);
    const rest = found.length - names.length;
    return ` (guest ${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''})`;
  }
}
