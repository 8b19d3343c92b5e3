/**
 * What a calibration measures. The names are those of native/calibrate/session.cc, which takes the samples.
 *
 * Free memory may have been taken back by the host below this one, and its first touch then costs many times as much. So
 * every figure is of memory this process freed a moment before, but for those marked `asItComes`. Time is the measuring
 * thread's own, so that what else runs on the machine is not in it; but a host below works outside of it, so those marked
 * are by the clock on the wall.
 */
import { frozen } from '../spec/frozen.js';
import { PAGE_BYTES } from '../spec/units.js';

export interface FigureKind {
  /** One event. */
  readonly what: string;
  /** Bytes one event clears: such a figure has a bandwidth. */
  readonly clears?: number;
  /** Taken first, of memory as the kernel hands it out, until the memory for it is used up; by the clock on the wall. */
  readonly asItComes?: true;
}

const MIB2 = 512 * PAGE_BYTES;
const GIB = 512 * MIB2;
const AS_IT_COMES =
  'memory as it comes: where a host below takes free memory back, some samples hold its own fault and some do not';

function clearing(how: string): Record<'4k' | '2m' | '1g', FigureKind> {
  const chunk = (bytes: number, name: string): FigureKind => ({
    what: `clearing ${name} of present memory in THP, a walk upwards in chunks of ${name}: ${how}`,
    clears: bytes,
  });
  return { '4k': chunk(PAGE_BYTES, '4K'), '2m': chunk(MIB2, '2M'), '1g': chunk(GIB, '1G') };
}

const nonTemporal = clearing('non-temporal stores of the widest registers, a fence a chunk');
const memset = clearing('memset of the C library');
const string = clearing('rep stosb, as Linux clears pages');

export const FIGURES = {
  thp_first_touch_2m: { what: `fault that installs a 2M THP, ${AS_IT_COMES}`, asItComes: true },
  gmem_first_touch_4k: {
    what: `fault by the host mapping on an absent page of guest_memfd, ${AS_IT_COMES}`,
    asItComes: true,
  },
  syscall: { what: 'system call that does nothing (getppid)' },
  clock: { what: 'clock_gettime(CLOCK_MONOTONIC)' },
  anonymous_fault_4k: { what: 'write fault on an absent page of private anonymous memory, 4K' },
  thp_fault_2m: { what: 'write fault on absent private anonymous memory that installs a 2M THP' },
  dontneed_4k: { what: 'MADV_DONTNEED of one present 4K page, system call included' },
  dontneed_2m_thp: { what: 'MADV_DONTNEED of 2M in one THP, system call included' },
  dontneed_2m_of_4k: { what: 'MADV_DONTNEED of 2M in 512 pages, system call included' },
  clear_nontemporal_4k: nonTemporal['4k'],
  clear_nontemporal_2m: nonTemporal['2m'],
  clear_nontemporal_1g: nonTemporal['1g'],
  clear_memset_4k: memset['4k'],
  clear_memset_2m: memset['2m'],
  clear_memset_1g: memset['1g'],
  clear_string_4k: string['4k'],
  clear_string_2m: string['2m'],
  clear_string_1g: string['1g'],
  gmem_host_fault_absent_4k: {
    what: 'fault by the host mapping on an absent page of guest_memfd: allocated, cleared, inserted, mapped',
  },
  gmem_host_fault_present_4k: { what: 'fault by the host mapping on a page that is there and not mapped' },
  gmem_vcpu_fault_absent_4k: {
    what: 'fault by a vCPU on an absent page of guest_memfd: allocated, cleared, inserted, mapped',
  },
  gmem_vcpu_fault_present_4k: { what: 'fault by a vCPU on a page that is there and not mapped' },
  gmem_fallocate_4k: { what: 'fallocate of one page of guest_memfd, system call included (nothing is cleared yet)' },
  gmem_fallocate_2m: { what: 'fallocate of 2M of guest_memfd, 512 pages in one system call' },
  gmem_punch_4k: { what: 'punch of one present page nobody has mapped, system call included' },
  gmem_punch_2m: { what: 'punch of 2M, 512 present pages nobody has mapped, in one system call' },
  gmem_punch_mapped_4k: { what: 'punch of one page the guest has mapped, system call included' },
  gmem_punch_mapped_2m: { what: 'punch of 2M, 512 pages the guest has mapped, in one system call' },
  vcpu_round_trip: {
    what: 'KVM_SET_REGS and KVM_RUN of a guest that touches a mapped page and exits by MMIO, which the kernel emulates',
  },
} as const satisfies Record<string, FigureKind>;

export type FigureName = keyof typeof FIGURES;
export const FIGURE_NAMES = frozen(Object.keys(FIGURES) as readonly FigureName[]);

export function figureKind(name: FigureName): FigureKind {
  return FIGURES[name];
}
