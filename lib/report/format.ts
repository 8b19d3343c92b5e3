/**
 * Numbers as people read them, without a locale: the same bytes everywhere.
 */

import { PAGE_BYTES } from '../spec/units.js';

/** `1234567` as `1,234,567`. */
export function grouped(value: number): string {
  const [whole, fraction] = String(value).split('.');
  const digits = (whole as string).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? digits : `${digits}.${fraction}`;
}

/** Three significant digits with a decimal prefix: `1.23 G`, `456 k`, `12`. */
export function prefixed(value: number): string {
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < 5) {
    scaled /= 1000;
    unit += 1;
  }
  if (unit === 0) return Number.isInteger(scaled) ? String(scaled) : significant(scaled);
  return `${significant(scaled)} ${['', 'k', 'M', 'G', 'T', 'P'][unit]}`;
}

function significant(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** Bytes as `pagesAsBytes` writes them. */
export function bytes(count: number): string {
  return count > 0 && count < 1024 ? `${count} B` : pagesAsBytes(count / PAGE_BYTES);
}

/** Pages as bytes in three digits and a binary unit: `1.26 GiB`, `301 MiB`, `0`. */
export function pagesAsBytes(pages: number): string {
  if (pages === 0) return '0';
  let value = pages * 4;
  let unit = 0;
  while (value >= 1023.5 && unit < 4) {
    value /= 1024;
    unit += 1;
  }
  const text = Number.isInteger(value) ? String(value) : significant(value);
  return `${text} ${['KiB', 'MiB', 'GiB', 'TiB', 'PiB'][unit]}`;
}

/** Difference to a base: `+12.3 %`, `x4.1`, `=`; `new` when the base is 0. */
export function difference(value: number, base: number): string {
  if (value === base) return '=';
  if (base === 0) return 'new';
  const ratio = value / base;
  if (ratio >= 10) return `x${ratio >= 100 ? Math.round(ratio) : ratio.toFixed(1)}`;
  const percent = (ratio - 1) * 100;
  const size = Math.abs(percent);
  if (size < 0.05) return percent > 0 ? '+<0.1 %' : '-<0.1 %';
  if (value !== 0 && percent < -99.9) return `${(Math.max(-9999, Math.ceil(percent * 100)) / 100).toFixed(2)} %`;
  const text = size < 10 || (value !== 0 && percent < -99) ? percent.toFixed(1) : percent.toFixed(0);
  return `${percent > 0 ? '+' : ''}${text} %`;
}

/** Nanoseconds: `850 ns`, `12.3 us`, `1.20 ms`, `3.41 s`. */
export function duration(ns: number): string {
  const units: readonly [number, string][] = [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
  ];
  for (const [size, unit] of units) if (ns >= size) return `${significant(ns / size)} ${unit}`;
  return `${Math.round(ns)} ns`;
}

/** Share of a whole in percent, without decimals: `12 %`, `<1 %`. */
export function share(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %';
  const percent = (part / whole) * 100;
  return percent < 1 ? '<1 %' : `${Math.round(percent)} %`;
}
