/**
 * Ctrl-C: the first one ends the run at its next chunk and lets what there is be written; the second ends the program.
 */
import { EXIT } from './exit.js';

export interface Interruption {
  readonly signal: AbortSignal;
  /** Gives the signals their usual meaning back. */
  release(): void;
}

export function onInterrupt(quiet: boolean): Interruption {
  const controller = new AbortController();
  const handle = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    if (!quiet) process.stderr.write('\ninterrupted: writing what there is (again to stop at once)\n');
    controller.abort();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
