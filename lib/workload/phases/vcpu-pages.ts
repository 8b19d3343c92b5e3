/**
 * Pages every vCPU needs for itself. GHCB: shared, through which the vCPU asks the hypervisor. VMSA: private, its registers,
 * written by the vCPU that starts it; the first vCPU's is the launch's, outside of guest RAM.
 */
import { address, flag, size } from '../keys.js';
import { claim, definePhase } from '../phase.js';
import { MIB } from './touching.js';

export const VCPU_PAGES = definePhase(
  'vcpu-pages',
  'One shared GHCB page a vCPU, and one private VMSA page for every vCPU but the first.',
  {
    at: address(4096)
      .optional()
      .describe('Where they lie; without it, 64 MiB below the end of RAM (the recorded guests have them there).'),
    spacing: size(4096)
      .prefault('12KiB')
      .describe('From one GHCB to the next: it lies in the per-CPU data of the kernel.'),
    vmsa: flag().default(true).describe('Touch a VMSA page for every vCPU but the first.'),
  },
  (keys, context) => {
    const { vcpus, memory } = context.guest;
    const ghcbs = vcpus * keys.spacing;
    const bytes = ghcbs + vcpus * 4096;
    const end = memory.region('high').end;
    const usual = Math.max(memory.region('high').start, end - 64 * MIB);
    const at = claim(context, bytes, 4096, keys.at ?? usual, 'high-top', 'spacing');
    return function* (out) {
      for (let vcpu = 0; vcpu < vcpus; vcpu += 1) {
        if (out.full) yield;
        if (keys.vmsa && vcpu > 0) out.touch(0, at + ghcbs + vcpu * 4096, 4096);
        out.convert(0, at + vcpu * keys.spacing, 4096, 'shared', 'ghcb');
        out.touch(vcpu, at + vcpu * keys.spacing, 4096);
      }
    };
  },
);
