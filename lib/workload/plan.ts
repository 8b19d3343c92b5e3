/**
 * A checked scenario to planned phases: who does what, where in its memory. Everything that cannot work for a guest of this
 * size is found here, before the first op.
 */
import { CREATE_FLAG } from '../spec/ops.js';
import type { Problem } from './issues.js';
import { GuestMemory } from './memory.js';
import type { Guest, Phase, Planned } from './phase.js';
import { PHASES } from './phases.js';
import { Random } from './random.js';
import type { ScenarioDocument } from './schema.js';

export interface PlannedGuest extends Guest {
  /** Bits of `create`. */
  readonly flags: number;
}

/** One phase of one guest. */
export interface Step {
  readonly guest: number;
  /** Position of the phase in the scenario. */
  readonly phase: number;
  readonly ends: boolean;
  readonly run: Planned;
}

export interface Plan {
  readonly seed: number;
  readonly rounds: number;
  readonly guests: readonly PlannedGuest[];
  readonly steps: readonly Step[];
}

const BY_NAME: ReadonlyMap<string, Phase> = new Map(PHASES.map((phase) => [phase.name, phase as unknown as Phase]));
const MOST_VMS = 1023;

export function planScenario(document: ScenarioDocument, problems: Problem[]): Plan {
  const { machine } = document;
  const guests = document.guests.map(
    (guest): PlannedGuest => ({
      name: guest.name,
      vcpus: guest.vcpus ?? machine.vcpus,
      memory: new GuestMemory(guest.memory ?? machine.memory),
      touchedBytes: 0,
      flags: guest.flags.reduce((bits, flag) => bits | CREATE_FLAG[flag], 0),
    }),
  );
  for (const [i, guest] of guests.entries()) {
    if (guests.findIndex(({ name }) => name === guest.name) < i) {
      problems.push({
        path: ['guests', i, 'name'],
        message: `there is a guest ${guest.name} already, accepted: another name`,
      });
    }
  }
  if (guests.length * document.rounds > MOST_VMS) {
    const message = `${document.rounds} rounds of ${guests.length} guests are too many VMs, accepted: ${MOST_VMS} in all`;
    problems.push({ path: ['rounds'], message });
  }
  const steps: Step[] = [];
  const ended = new Set<number>();
  for (const [p, keys] of document.phases.entries()) {
    const phase = BY_NAME.get(keys.phase) as Phase;
    const members = guests.map((_, i) => i).filter((i) => keys.guest === undefined || guests[i]?.name === keys.guest);
    if (members.length === 0) {
      const names = guests.map(({ name }) => name).join(', ');
      problems.push({ path: ['phases', p, 'guest'], message: `no guest ${keys.guest}, accepted: ${names}` });
    }
    for (const g of members) {
      const guest = guests[g] as PlannedGuest;
      if (ended.has(g)) {
        problems.push({ path: ['phases', p, 'phase'], message: `guest ${guest.name} was shut down before` });
        continue;
      }
      if (phase.name === 'shutdown') ended.add(g);
      const random = new Random(machine.seed, g, p, PLAN);
      const run = phase.plan(keys as never, {
        guest,
        random,
        problem: (key, message) => problems.push({ path: ['phases', p, key], message }),
      });
      steps.push({ guest: g, phase: p, ends: phase.name === 'shutdown', run });
    }
  }
  return { seed: machine.seed, rounds: document.rounds, guests, steps };
}

/** Tells a plan's random numbers from those of a round. */
const PLAN = 0xffffffff;
