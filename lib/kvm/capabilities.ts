/**
 * What this host's kernel can do for the kvm engine, read from the kernel itself, and why the engine cannot run where it
 * cannot.
 */
import { loadAddon } from '../engine/addon.js';
import { GmemError } from '../engine/error.js';
import { errnoName } from '../spec/errnos.js';

/** As native/addon/kvm.cc reports it. */
export interface KvmCapabilities {
  /** What the kernel lacks, or refused; null when the engine can run. */
  readonly missing: string | null;
  /** Number of the errno it was refused with, 0 when nothing is missing. */
  readonly errno: number;
  readonly apiVersion: number;
  /** Bits of KVM_CREATE_GUEST_MEMFD the kernel supports. */
  readonly createFlags: number;
  /** Bits of KVM_SET_MEMORY_ATTRIBUTES it supports; 0: no private memory. */
  readonly attributes: number;
  readonly slots: number;
  /** KVM_EXIT_MEMORY_FAULT is reported. */
  readonly memoryFaultInfo: boolean;
  /** Guest-physical addresses below 2^physicalBits can be bound. */
  readonly physicalBits: number;
  /** 0 when a vCPU was seen to read and write gmem; else the errno of the attempt. */
  readonly vcpuErrno: number;
  /** 0 when long-term references to pages can be taken; else the errno of io_uring. */
  readonly pinErrno: number;
}

/** The part of the addon's exports the kvm engine uses. */
export interface KvmAddon {
  kvmProbe(): KvmCapabilities;
  kvmCreate(residentLimitBytes: number): { handle?: number; capabilities: KvmCapabilities };
  kvmClose(handle: number): void;
  kvmRun(handle: number, records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): void;
  /** Ends a guest program of this VM in a triple fault. @returns the errno's number. */
  kvmCrash(handle: number, vm: number): number;
  kvmErrors(handle: number, into: Float64Array): void;
  kvmPages(handle: number, gmem: number, first: number, count: number, into: Uint8Array): boolean;
  kvmFileSize(handle: number, gmem: number): number;
  kvmVerify(handle: number): string[];
  kvmHost(handle: number): Record<string, number>;
}

export function kvmAddon(): KvmAddon {
  return loadAddon() as KvmAddon;
}

/** Asks the kernel; never throws for what the host lacks. */
export function kvmCapabilities(): KvmCapabilities {
  return kvmAddon().kvmProbe();
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'KVM is not there: load the kvm module, or run on a host or guest with virtualisation',
  EACCES: 'no permission: run as root, or as a member of the group that owns /dev/kvm',
  EPERM: 'no permission: run as root',
  EMFILE: 'no file descriptor left',
  EOPNOTSUPP: 'this kernel or machine does not have it: Linux 6.18 or later with CONFIG_KVM_GUEST_MEMFD is needed',
};

/** One line that says what the kvm engine misses here, with the errno; `undefined` when it misses nothing. */
export function missingReason(capabilities: KvmCapabilities): string | undefined {
  if (capabilities.missing === null) return undefined;
  const errno = errnoName(capabilities.errno);
  const advice = ADVICE[errno];
  return `kvm engine: ${capabilities.missing}: ${errno}${advice === undefined ? '' : ` (${advice})`}`;
}

/** The refusal as the package's error. */
export function hostError(capabilities: KvmCapabilities): GmemError {
  return new GmemError('ERR_GMEM_HOST', missingReason(capabilities) ?? 'kvm engine: nothing is missing', {
    errno: errnoName(capabilities.errno),
  });
}
