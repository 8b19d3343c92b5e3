/**
 * What can be understood of a scenario, part by part: of a file with mistakes as well, so that what does not fit together
 * is found beside what no key accepts.
 *
 * Invariant: what is not accepted is unknown here, and never taken as its default; a check that needs it is left out.
 */
import type { z } from 'zod';
import { PHASES } from './phases.js';
import { type PhaseDocument, type ScenarioDocument, scenarioSchema } from './schema.js';

export interface UnderstoodGuest {
  readonly name: string | undefined;
  readonly memory: number | undefined;
  readonly vcpus: number | undefined;
  readonly flags: ScenarioDocument['guests'][number]['flags'];
}

export interface UnderstoodPhase {
  /** Name of a phase there is. */
  readonly name: (typeof PHASES)[number]['name'] | undefined;
  /** Whose phase it is: a guest's name, everyone's, or not known. */
  readonly guest: { readonly name: string } | 'all' | undefined;
  /** All of it, when every key is accepted. */
  readonly keys: PhaseDocument | undefined;
  /** Keys that are in the file. */
  readonly given: ReadonlySet<string>;
}

export interface Understood {
  readonly seed: number;
  readonly rounds: number | undefined;
  /** `undefined`: it is not known how many there are. */
  readonly guests: readonly UnderstoodGuest[] | undefined;
  /** Names of the policies, a preset's or one's own. */
  readonly policies: readonly { readonly name: string | undefined; readonly preset: boolean }[];
  readonly phases: readonly UnderstoodPhase[];
}

const {
  machine: MACHINE,
  guests: GUESTS,
  policies: POLICIES,
  phases: PHASE_LIST,
  rounds: ROUNDS,
} = scenarioSchema.shape;
const GUEST = GUESTS.unwrap().element;
const POLICY = POLICIES.unwrap().element;
const PHASE = PHASE_LIST.element;

/** @param value a scenario as its YAML says it, numbers exact. */
export function understood(value: unknown): Understood {
  const file = mapping(value);
  const machine = mapping(file.machine);
  const memory = accepted(MACHINE.shape.memory, machine.memory);
  const vcpus = accepted(MACHINE.shape.vcpus, machine.vcpus);
  const guests = file.guests === undefined ? accepted(GUESTS, undefined) : list(file.guests);
  return {
    // Whether phases fit is no question of the seed.
    seed: accepted(MACHINE.shape.seed, machine.seed) ?? 0,
    rounds: accepted(ROUNDS, file.rounds),
    guests: guests?.length === 0 ? undefined : guests?.map((guest) => guestOf(guest, memory, vcpus)),
    policies: (list(file.policies) ?? []).map((policy) => ({
      name: typeof policy === 'string' ? accepted(POLICY, policy) && policy : textOf(mapping(policy).name),
      preset: typeof policy === 'string',
    })),
    phases: (list(file.phases) ?? []).map(phaseOf),
  };
}

function guestOf(value: unknown, memory: number | undefined, vcpus: number | undefined): UnderstoodGuest {
  const guest = mapping(value);
  const { shape } = GUEST;
  // An unknown key may be a misspelled one, such as the memory.
  const sure = Object.keys(guest).every((key) => Object.hasOwn(shape, key));
  return {
    name: textOf(guest.name),
    memory: !sure ? undefined : guest.memory === undefined ? memory : accepted(shape.memory, guest.memory),
    vcpus: !sure ? undefined : guest.vcpus === undefined ? vcpus : accepted(shape.vcpus, guest.vcpus),
    flags: accepted(shape.flags, guest.flags) ?? [],
  };
}

function phaseOf(value: unknown): UnderstoodPhase {
  const phase = mapping(value);
  const known = PHASES.find(({ name }) => name === phase.phase);
  const keys = accepted(PHASE, value) as PhaseDocument | undefined;
  const name = textOf(phase.guest);
  // An unknown key may be a misspelled `guest`.
  const sure = known !== undefined && Object.keys(phase).every((key) => Object.hasOwn(known.schema.shape, key));
  return {
    name: known?.name,
    guest: name !== undefined ? { name } : phase.guest === undefined && sure ? 'all' : undefined,
    keys,
    given: new Set(Object.keys(phase)),
  };
}

function accepted<T extends z.ZodType>(schema: T, value: unknown): z.output<T> | undefined {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
