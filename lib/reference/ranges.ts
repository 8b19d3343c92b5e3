/**
 * The argument checks every range op begins with.
 */
import { PAGE_BYTES } from '../spec/units.js';

export function aligned(bytes: number): boolean {
  return bytes % PAGE_BYTES === 0;
}

/** A range of whole pages, at least one, that starts at or above 0. */
export function validRange(start: number, size: number): boolean {
  return start >= 0 && size > 0 && aligned(start) && aligned(size);
}
