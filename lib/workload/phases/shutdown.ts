/** The end of a guest. */
import { definePhase } from '../phase.js';

export const SHUTDOWN = definePhase(
  'shutdown',
  'The file of the guest is closed and its VM destroyed; its memory goes back to the host.',
  {},
  () =>
    function* (out) {
      if (out.full) yield;
      out.shutdown();
    },
);
