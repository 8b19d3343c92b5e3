/** A guest that fills memory, and one that does next to nothing. */
import { choice, count, seconds, size } from '../keys.js';
import { definePhase } from '../phase.js';
import { MIB, STEPS, stepBytes, touchUnclaimed } from './touching.js';

export const HUNGRY = definePhase(
  'hungry',
  'Fills memory that was not touched before: page cache, a database, a build.',
  {
    size: size(4096).describe('Memory to touch; at most what the guest has left.'),
    step: choice(STEPS).default('4K').describe('Memory a touch op covers.'),
  },
  (keys, { guest }) => touchUnclaimed(guest, keys.size, stepBytes(keys.step), guest.vcpus),
);

export const IDLE = definePhase(
  'idle',
  'Time passes. Timers and housekeeping touch a few pages of the kernel again.',
  {
    seconds: seconds().default(60).describe('Simulated time.'),
    touches: count(0, 1e6).default(0).describe('Pages touched meanwhile, one at a time.'),
  },
  (keys, { guest }) =>
    function* (out, random) {
      for (let i = 0; i < keys.touches; i += 1) {
        if (out.full) yield;
        out.wait(keys.seconds / (keys.touches + 1));
        out.touch(random.below(guest.vcpus), 16 * MIB + 4096 * random.below(4096), 4096);
      }
      out.wait(keys.touches === 0 ? keys.seconds : keys.seconds / (keys.touches + 1));
    },
);
