/**
 * Op streams for the tests: a pseudo-random guest that touches and converts, on two slots, the second of which maps its
 * file so that gfn and index are not congruent.
 */
import type { CompareInput } from '../../lib/compare/compare.js';
import { OpBuilder } from '../../lib/ops/builder.js';
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

export function inputOf(stream: OpStream, path = 'made in a test'): CompareInput {
  return { path, format: 'memory', stream, fitted: false };
}
