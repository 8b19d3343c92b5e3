/**
 * Units of the project: pages of 4 KiB, folio orders 0, 9 and 18, sizes in binary units.
 *
 * Bytes appear in op streams and on the command line; inside the engines everything is counted in pages.
 */
import { frozen } from './frozen.js';

export const PAGE_SHIFT = 12;
export const PAGE_BYTES = 4096;

/** The folio orders KVM can map: 4K, 2M and 1G (KVM warns on any other). */
export const ORDER_4K = 0;
export const ORDER_2M = 9;
export const ORDER_1G = 18;
export const ORDERS = frozen([ORDER_4K, ORDER_2M, ORDER_1G] as const);
export type Order = (typeof ORDERS)[number];

export type Level = '4K' | '2M' | '1G';

/** Name of the folio size or stage-2 level of an order. */
export function levelName(order: number): Level {
  if (order === ORDER_1G) return '1G';
  return order === ORDER_2M ? '2M' : '4K';
}

/** 4 KiB pages in one folio of `order`. */
export function pagesOf(order: number): number {
  return 2 ** order;
}

const SIZE_PATTERN = /^(0x[0-9a-f]+|\d+(?:\.\d+)?)\s*(?:([kmgtpe])(?:i?b)?|b)?$/i;
const UNIT_LETTERS = 'kmgtpe';

/**
 * Parses `4096`, `0x1000`, `4K`, `2MiB`, `1.5GiB`, `512GB`. Every unit is a power of two.
 *
 * @returns bytes, a safe integer, or `undefined` when `text` is not a size.
 */
export function parseSize(text: string): number | undefined {
  const match = SIZE_PATTERN.exec(text.trim());
  if (match === null) return undefined;
  const unit = match[2] === undefined ? 0 : UNIT_LETTERS.indexOf(match[2].toLowerCase()) + 1;
  const bytes = Number(match[1]) * 1024 ** unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Where guest-physical addresses end, of bytes a slot can be over. */
export const GUEST_PHYSICAL_LIMIT_BYTES = 2 ** 52;

/** From here on two decimals would say 1024.00, which is one of the next unit. */
const NEXT_UNIT = 1023.995;

/** Formats bytes in the largest binary unit, with at most two decimals: `16 GiB`, `1.25 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= NEXT_UNIT && unit < 6) {
    value /= 1024;
    unit += 1;
  }
  const digits = Number.isInteger(value) ? 0 : 2;
  return `${value.toFixed(digits)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][unit]}`;
}
