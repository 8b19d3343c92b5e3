/** Memory of the guests of an input, as a reader needs it: what there is at one time, not what all of them had in turn. */
import type { InputSummary } from '../compare/results.js';
import { formatBytes } from '../spec/units.js';

/** `2.50 GiB`; `8 guests, at most 6 GiB at one time`; `2 guests, 8 GiB together`. */
export function guestMemory({ guests, guest_bytes, guest_bytes_peak }: InputSummary): string {
  const several = guests === undefined ? '' : `${guests} guests, `;
  if (guest_bytes_peak !== undefined) return `${several}at most ${formatBytes(guest_bytes_peak)} at one time`;
  return `${several}${formatBytes(guest_bytes)}${guests === undefined ? '' : ' together'}`;
}
