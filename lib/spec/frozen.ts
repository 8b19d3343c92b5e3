/**
 * Tables that are exported are what the engines themselves work with: nobody may write into them.
 */

/** The value itself, frozen with everything in it. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
}
