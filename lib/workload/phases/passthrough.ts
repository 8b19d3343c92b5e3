/** A device passed through: large areas the device reads and writes, shared with it for as long as it runs. */
import { formatBytes } from '../../spec/units.js';
import { choice, count, flag, size } from '../keys.js';
import { PLACES } from '../memory.js';
import { convertRange, definePhase, ramText } from '../phase.js';

export const PASSTHROUGH = definePhase(
  'passthrough',
  'An accelerator: large DMA areas become shared, are used, and are given back as often as its jobs change.',
  {
    areas: count(1, 4096).default(4).describe('DMA areas at a time.'),
    size: size(4096).prefault('256MiB').describe('Size of each.'),
    align: size(4096).prefault('2MiB').describe('Alignment of each.'),
    place: choice(PLACES).default('high').describe('Where they lie.'),
    exit: size(4096).prefault('2MiB').describe('Memory converted by one exit.'),
    jobs: count(1, 1e6).default(1).describe('How often all areas are made shared; between two jobs they are private.'),
    pinned: flag()
      .default(false)
      .describe(
        'Pin the areas while a job runs, as VFIO does. In place the file of the guest needs the mmap flag for it; by discard the shared copy is pinned, and on snp and tdx that flag is refused.',
      ),
    keep: flag().default(true).describe('The areas of the last job stay shared.'),
  },
  (keys, context) => {
    const { memory } = context.guest;
    const areas: number[] = [];
    while (areas.length < keys.areas) {
      const at = memory.claim(keys.size, keys.align, keys.place);
      if (at === undefined) {
        const found = `${areas.length} of ${keys.areas} areas of ${formatBytes(keys.size)} find a place at ${keys.place}`;
        const key = areas.length === 0 ? 'size' : 'areas';
        context.problem(key, `${found} (${ramText(context.guest)}), accepted: what is free there`);
        break;
      }
      areas.push(at);
    }
    return function* (out) {
      for (let job = 0; job < keys.jobs; job += 1) {
        for (const at of areas) {
          yield* convertRange(out, 0, at, keys.size, 'shared', keys.exit, 'passthrough');
          if (out.full) yield;
          if (keys.pinned) out.pin(memory.offsetOf(at), keys.size);
        }
        if (keys.keep && job === keys.jobs - 1) return;
        for (const at of areas) {
          if (out.full) yield;
          if (keys.pinned) out.unpin(memory.offsetOf(at), keys.size);
          yield* convertRange(out, 0, at, keys.size, 'private', keys.exit, 'passthrough');
        }
      }
    };
  },
);
