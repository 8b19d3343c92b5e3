/** Launch-measured pages: what the VMM puts into the guest before it runs, and the end of the launch. */
import { z } from 'zod';
import { address, count, flag, size } from '../keys.js';
import { claim, definePhase } from '../phase.js';

/** What QEMU loads for an SNP guest with OVMF, from a public launch log (kernel-level ranges of amd/sev-utils issue 17). */
const OVMF_RANGES = [
  { at: '0x800000', size: '36KiB' },
  { at: '0x80a000', size: '12KiB' },
  { at: '0x80d000', size: '4KiB' },
  { at: '0x80e000', size: '4KiB' },
  { at: '0x80f000', size: '4KiB' },
  { at: '0x810000', size: '4KiB' },
  { at: '0x811000', size: '60KiB' },
];

export const POPULATE = definePhase(
  'populate',
  'Payload of the launch: ranges are populated, then the launch ends. To come before any other phase of the guest.',
  {
    ranges: z
      .array(z.strictObject({ at: address().describe('First byte.'), size: size().describe('Bytes.') }))
      .prefault(OVMF_RANGES)
      .describe(
        'Ranges with launch-measured content. The default is what QEMU loads into the RAM of an SNP guest with OVMF.',
      ),
    fill: count(0, 255).default(0).describe('Byte the pages are filled with.'),
    finalize: flag().default(true).describe('End the launch afterwards.'),
  },
  (keys, context) => {
    const ranges = keys.ranges.map((range, i) => ({
      ...range,
      gpa: claim(context, range.size, 4096, range.at, 'low', 'ranges', ['ranges', i, 'at']),
    }));
    return function* (out) {
      for (const range of ranges) {
        if (out.full) yield;
        out.populate(range.gpa, range.size, keys.fill);
      }
      if (out.full) yield;
      if (keys.finalize) out.finalize();
    };
  },
);
