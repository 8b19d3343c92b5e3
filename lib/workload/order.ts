/** In which order the phases of a guest may come: a launch at its begin, nothing after its end. */
import type { UnderstoodPhase } from './understood.js';

interface Progress {
  /** The first phase that is no populate: the guest runs, and its first access ended the launch. */
  ran?: string;
  /** The populate that ended the launch. */
  launched?: string;
  ended?: true;
}

export class PhaseOrder {
  readonly #guests = new Map<number, Progress>();

  /** Takes a guest's next phase, at position `p`. @returns why it cannot come here. */
  next(guest: number, p: number, { name, keys }: UnderstoodPhase): string | undefined {
    if (name === undefined) return undefined;
    const progress = this.#guests.get(guest) ?? {};
    this.#guests.set(guest, progress);
    if (progress.ended) return 'its guest was shut down before, accepted: phases before shutdown';
    if (name !== 'populate') {
      progress.ran ??= `${name} (phases[${p}])`;
      if (name === 'shutdown') progress.ended = true;
      return undefined;
    }
    if (progress.ran !== undefined) {
      return `populate comes after ${progress.ran}, accepted: populate before any other phase of its guest`;
    }
    if (progress.launched !== undefined) {
      const { launched } = progress;
      return `populate comes after ${launched} ended the launch, accepted: one populate a guest, or finalize: false in ${launched}`;
    }
    if (keys?.phase === 'populate' && keys.finalize) progress.launched = `phases[${p}]`;
    return undefined;
  }
}
