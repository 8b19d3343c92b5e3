/**
 * Values that no caller should give.
 */
const circular: Record<string, unknown> = {};
circular.self = circular;

export const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  0.5,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  -(2 ** 60),
  10n,
  Symbol('s'),
  '',
  'off',
  '-1',
  '99999999999999GiB',
  '0xzz',
  '__proto__',
  [],
  [null],
  {},
  { __proto__: null },
  JSON.parse('{"__proto__": 1, "constructor": 2}'),
  circular,
  () => 1,
  new Date(),
  new Map(),
  new Uint8Array(3),
  new Proxy({}, {}),
];
