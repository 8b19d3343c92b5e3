/**
 * Op streams for the tests: a pseudo-random guest that touches and converts, on two slots, the second of which maps its
 * file so that gfn and index are not congruent.
 */
import type { CompareInput } from '../../lib/compare/compare.js';
import { OpBuilder } from '../../lib/ops/builder.js';
import type { OpSource } from '../../lib/ops/source.js';
import type { OpStream } from '../../lib/ops/stream.js';

const PAGE = 4096;
const BLOCK = 512;

/** Marsaglia's xorshift: small, seeded, and not the generator of the engines. */
export function xorshift(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

/** A file that ends inside a block, half of it bound congruently, half one page off. */
export function guestStream(seed: number, ops: number): OpStream {
  const pick = xorshift(seed);
  const builder = new OpBuilder();
  const half = 8 * BLOCK;
  const total = 2 * half + 37;
  builder.push({ op: 'create', gmem: 0, size: total * PAGE });
  builder.push({ op: 'bind', slot: 0, gpa: 0, size: half * PAGE, gmem: 0, offset: 0 });
  const second = 0x100000001;
  builder.push({ op: 'bind', slot: 1, gpa: second * PAGE, size: (total - half) * PAGE, gmem: 0, offset: half * PAGE });
  const anywhere = (): number => {
    const page = pick(total);
    return page < half ? page : second + page - half;
  };
  for (let i = 0; i < ops; i += 1) {
    const gfn = anywhere();
    const limit = gfn < half ? half - gfn : second + total - half - gfn;
    if (pick(10) < 7) {
      builder.push({ op: 'touch', gpa: gfn * PAGE, size: Math.min(limit, 1 + pick(40)) * PAGE, write: true });
      continue;
    }
    const to = pick(2) === 0 ? 'shared' : 'private';
    if (pick(3) === 0 && gfn < half) {
      builder.push({ op: 'convert', gpa: (gfn - (gfn % BLOCK)) * PAGE, size: BLOCK * PAGE, to });
    } else {
      builder.push({ op: 'convert', gpa: gfn * PAGE, size: Math.min(limit, 1 + pick(300)) * PAGE, to });
    }
  }
  return builder.stream;
}

/**
 * The same guest on a file of whole huge pages of `unit` 4K pages: one congruent, one a page off. It takes back mostly what
 * it gave, as designs that never split demand.
 */
export function hugeGuestStream(seed: number, ops: number, unit: number): OpStream {
  const pick = xorshift(seed);
  const builder = new OpBuilder();
  const halves = [
    { gfn: 0, index: 0 },
    { gfn: 4 * unit + 1, index: unit },
  ];
  builder.push({ op: 'create', gmem: 0, size: 2 * unit * PAGE });
  for (const [slot, { gfn, index }] of halves.entries()) {
    builder.push({ op: 'bind', slot, gpa: gfn * PAGE, size: unit * PAGE, gmem: 0, offset: index * PAGE });
  }
  const given: { gpa: number; size: number }[] = [];
  for (let i = 0; i < ops; i += 1) {
    const { gfn } = halves[pick(4) === 0 ? 1 : 0] as { gfn: number };
    // Near few places: a guest that hit each page once would show little.
    const page = pick(3) === 0 ? pick(unit) : Math.min(unit - 1, BLOCK * pick(6) + pick(9));
    if (pick(10) < 5) {
      builder.push({ op: 'touch', gpa: (gfn + page) * PAGE, size: Math.min(unit - page, 1 + pick(40)) * PAGE });
    } else if (given.length > 0 && pick(2) === 0) {
      const [range] = given.splice(pick(given.length), 1);
      if (range !== undefined) builder.push({ op: 'convert', ...range, to: 'private' });
    } else {
      const how = pick(12);
      const first = how === 0 ? 0 : how < 6 ? page - (page % BLOCK) : page;
      const pages = Math.min(unit - first, how === 0 ? unit : how < 6 ? BLOCK : 1 + pick(300));
      const range = { gpa: (gfn + first) * PAGE, size: pages * PAGE };
      given.push(range);
      builder.push({ op: 'convert', ...range, to: 'shared' });
    }
  }
  return builder.stream;
}

export function inputOf(stream: OpSource, path = 'made in a test'): CompareInput {
  return { path, format: 'memory', stream, fitted: false };
}
