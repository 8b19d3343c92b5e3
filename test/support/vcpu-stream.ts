/**
 * Streams for runs on vCPU threads: long stretches of what vCPUs do, with a conversion, a punch or the like between them.
 *
 * Bytes are read and written only in pages that are one vCPU's own: what a read answers does not depend on who came
 * first. Everything else they do in each other's blocks.
 */
import { OpBuilder, type OpInput } from '../../lib/ops/builder.js';
import type { OpStream } from '../../lib/ops/stream.js';
import { Random } from './prng.js';
import { HUGE, PAGE } from './run.js';

const VCPUS = 5;

/** @param bytes memory of the guest, whole blocks of 2M and a multiple of the policy's huge size. */
export function vcpuStream(seed: number, bytes: number, length: number): OpStream {
  const random = new Random(seed);
  const builder = new OpBuilder();
  const pages = bytes / PAGE;
  const shifted = 4 * HUGE;
  builder.push({ op: 'create', size: bytes });
  builder.push({ op: 'bind', slot: 0, gpa: 0, size: bytes - shifted, gmem: 0, offset: 0 });
  // The last blocks a page off their indexes: nothing there can be mapped huge.
  builder.push({ op: 'bind', slot: 1, gpa: bytes + PAGE, size: shifted, gmem: 0, offset: bytes - shifted });
  const gpa = (): number => {
    const kind = random.below(16);
    if (kind === 0) return bytes + PAGE * (1 + random.below(shifted / PAGE));
    if (kind === 1) return bytes - shifted + PAGE * random.below(64);
    return PAGE * random.below(kind < 9 ? pages - shifted / PAGE : pages / 16);
  };
  const vcpuOp = (): OpInput => {
    const vcpu = random.below(VCPUS);
    switch (random.below(10)) {
      case 0:
      case 1:
        return { op: 'fault', vcpu, gpa: gpa(), access: 'private', write: true, map: !random.chance(0.1) };
      case 2:
        return { op: 'fault', vcpu, gpa: gpa(), access: 'shared', write: false };
      case 3: {
        const page = random.below(Math.floor((pages - shifted / PAGE) / VCPUS)) * VCPUS + vcpu;
        const at = { vcpu, gpa: page * PAGE + random.below(2048), size: 1 + random.below(2048) };
        if (random.chance(0.5)) return { op: 'guest-read', ...at };
        return { op: 'guest-write', ...at, byte: random.below(256) };
      }
      case 4:
        return { op: 'touch', vcpu, gpa: gpa(), size: PAGE * (1 + random.below(600)) };
      default:
        return { op: 'touch', vcpu, gpa: gpa() };
    }
  };
  const between = (): OpInput => {
    const gpa = HUGE * random.below(bytes / HUGE - 4);
    switch (random.below(6)) {
      case 0:
        return { op: 'convert', gpa, size: HUGE, to: random.chance(0.5) ? 'private' : 'shared' };
      case 1:
        return { op: 'convert', gpa: gpa + 7 * PAGE, size: 9 * PAGE, to: 'shared' };
      case 2:
        return { op: 'convert', gpa: 0, size: bytes - shifted, to: 'private' };
      case 3:
        return { op: 'punch', offset: gpa, size: HUGE };
      case 4:
        return { op: 'split', offset: gpa, size: HUGE, order: 0 };
      default:
        return { op: 'poison', offset: gpa + 5 * PAGE };
    }
  };
  while (builder.stream.length < length) {
    for (let i = 300 + random.below(1500); i > 0; i -= 1) builder.push(vcpuOp());
    builder.push(between());
  }
  return builder.stream;
}
