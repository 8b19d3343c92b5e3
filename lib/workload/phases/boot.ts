/**
 * The first touches of a booting guest, in the order the recorded boots have: the firmware's memory at the top of the RAM
 * below 4 GiB from its top down, the kernel's image, then the memory it hands out, by all vCPUs at once.
 *
 * Measured on the recorded guests boot2g and big16g: 8 blocks of 2M at the top of low RAM first; 17 blocks from 16 MiB on
 * for the kernel; 958 MiB touched by the boot that does nothing else (boot2g: 250 774 pages); afterwards 95 and 98 % of
 * the touches go to the page above the last one of the same vCPU, 4 and 1 % to the page below; extents of 12 MiB.
 */
import { address, choice, size } from '../keys.js';
import { definePhase } from '../phase.js';
import { MIB, STEPS, stepBytes, touchUnclaimed } from './touching.js';

export const BOOT = definePhase(
  'boot',
  'Firmware, kernel and early userspace touch memory for the first time.',
  {
    firmware: size(2 * MIB, 0)
      .prefault('16MiB')
      .describe('Memory at the top of the RAM below 4 GiB that the firmware touches, from the top down.'),
    kernelAt: address(2 * MIB)
      .prefault('16MiB')
      .describe('Where the kernel is loaded.'),
    kernel: size(2 * MIB, 0)
      .prefault('34MiB')
      .describe('Size of the kernel and its initial RAM disk.'),
    touched: size(4096, 0)
      .prefault('900MiB')
      .describe('Memory touched until userspace is up, beside firmware and kernel; at most what the guest has.'),
    sharedSectionAt: address(2 * MIB)
      .prefault('0x3600000')
      .describe('The kernel section of variables that are never encrypted, one block of 2 MiB.'),
    sharedSection: size(4096, 0)
      .prefault('12KiB')
      .describe(
        'Part of that section that stays shared; the kernel gives the rest back at the end of boot. 0: no section.',
      ),
    step: choice(STEPS).default('4K').describe('Memory a touch op covers.'),
  },
  (keys, context) => {
    const { memory, vcpus } = context.guest;
    const low = memory.region('low');
    if (!memory.inRam(keys.kernelAt, keys.kernel)) context.problem('kernelAt', 'the kernel does not fit into RAM');
    if (keys.firmware > low.end) context.problem('firmware', 'is more than the RAM below 4 GiB');
    const section = keys.sharedSection > 0;
    if (keys.sharedSection > 2 * MIB) context.problem('sharedSection', 'accepted: at most 2MiB');
    if (section && !memory.claimAt(keys.sharedSectionAt, 2 * MIB)) {
      context.problem('sharedSectionAt', 'the section overlaps what another phase uses, or lies outside RAM');
    }
    const step = stepBytes(keys.step);
    const touching = touchUnclaimed(context.guest, keys.touched, step, vcpus);
    return function* (out, random) {
      for (let at = low.end - 2 * MIB; at >= low.end - keys.firmware; at -= 2 * MIB) {
        for (let gpa = at; gpa < at + 2 * MIB; gpa += Math.min(step, 2 * MIB)) {
          if (out.full) yield;
          out.touch(0, gpa, Math.min(step, 2 * MIB));
        }
      }
      for (let done = 0; done < keys.kernel; done += Math.min(step, 2 * MIB)) {
        if (out.full) yield;
        out.touch(0, keys.kernelAt + done, Math.min(step, 2 * MIB));
      }
      if (section) {
        if (out.full) yield;
        out.convert(0, keys.sharedSectionAt, 2 * MIB, 'shared', 'bss_decrypted');
        out.touch(0, keys.sharedSectionAt, 2 * MIB);
      }
      yield* touching(out, random);
      if (section && keys.sharedSection < 2 * MIB) {
        if (out.full) yield;
        const unused = keys.sharedSectionAt + keys.sharedSection;
        out.convert(0, unused, 2 * MIB - keys.sharedSection, 'private', 'bss_decrypted_unused');
        out.touch(0, unused, 2 * MIB - keys.sharedSection);
      }
    };
  },
);
