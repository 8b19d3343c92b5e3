/**
 * What is understood of a scenario to planned phases: who does what, where in its memory. Everything that cannot work for a
 * guest of this size is found here, before the first op.
 */
import { CREATE_FLAG } from '../spec/ops.js';
import type { Problem } from './issues.js';
import { GuestMemory } from './memory.js';
import { checkNames } from './names.js';
import { PhaseOrder } from './order.js';
import type { Guest, Phase, Planned } from './phase.js';
import { PhaseProblems } from './phase-problems.js';
import { PHASES } from './phases.js';
import { Random } from './random.js';
import type { Understood, UnderstoodGuest, UnderstoodPhase } from './understood.js';

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

/** To be run only when no problem was found. */
export interface Plan {
  readonly seed: number;
  readonly rounds: number;
  readonly guests: readonly PlannedGuest[];
  readonly steps: readonly Step[];
}

const BY_NAME: ReadonlyMap<string, Phase> = new Map(PHASES.map((phase) => [phase.name, phase as unknown as Phase]));
const MOST_VMS = 1023;

export function planScenario(scenario: Understood, problems: Problem[]): Plan {
  const { seed, rounds = 1, phases } = scenario;
  const known = scenario.guests ?? [];
  checkNames(scenario, problems);
  if (known.length * rounds > MOST_VMS) {
    const message = `${rounds} rounds of ${known.length} guests are too many VMs, accepted: ${MOST_VMS} in all`;
    problems.push({ path: ['rounds'], message });
  }
  const guests = known.map(plannedGuest);
  const steps: Step[] = [];
  const order = new PhaseOrder();
  for (const [p, phase] of phases.entries()) {
    const members = membersOf(phase, known);
    const found = new PhaseProblems(
      p,
      phase.given,
      members.map((g) => known[g]?.name ?? ''),
    );
    for (const [m, g] of members.entries()) {
      const misplaced = order.next(g, p, phase);
      if (misplaced !== undefined) found.add(m, 'phase', misplaced);
      const guest = guests[g];
      if (misplaced !== undefined || guest === undefined || phase.keys === undefined) continue;
      const run = (BY_NAME.get(phase.keys.phase) as Phase).plan(phase.keys as never, {
        guest,
        random: new Random(seed, g, p, PLAN),
        problem: (key, message) => found.add(m, key, message),
      });
      steps.push({ guest: g, phase: p, ends: phase.name === 'shutdown', run });
    }
    problems.push(...found.all());
  }
  return { seed, rounds, guests: guests.filter((guest) => guest !== undefined), steps };
}

/** `undefined`: too little is known to plan what it does. */
function plannedGuest({ name, memory, vcpus, flags }: UnderstoodGuest): PlannedGuest | undefined {
  if (memory === undefined || vcpus === undefined) return undefined;
  return {
    name: name ?? '',
    vcpus,
    memory: new GuestMemory(memory),
    touchedBytes: 0,
    flags: flags.reduce((bits, flag) => bits | CREATE_FLAG[flag], 0),
  };
}

function membersOf({ guest }: UnderstoodPhase, guests: readonly UnderstoodGuest[]): number[] {
  const all = guests.map((_, g) => g);
  if (typeof guest !== 'object') return guest === 'all' ? all : [];
  return all.filter((g) => guests[g]?.name === guest.name);
}

/** Tells a plan's random numbers from those of a round. */
const PLAN = 0xffffffff;
