/**
 * The scenario file, version 1: every key with its kind, default and meaning. The parser, docs/scenario.schema.json and the
 * tables of docs/scenarios.md all come from here.
 */
import { z } from 'zod';
import { PRESET_NAMES } from '../policy/presets.js';
import { BLOCK_BYTES, MAX_MEMORY_BYTES } from '../spec/host-memory.js';
import { ARCHES, KNOBS, type KnobName, type KnobValue } from '../spec/knobs.js';
import { CREATE_FLAG } from '../spec/ops.js';
import { choice, count, name, size, text } from './keys.js';
import { PHASES } from './phases.js';

export const SCENARIO_SCHEMA = 'gmem.scenario/1';

/** More VMs than an ASID can tell apart there cannot be (lib/spec/ops.ts). */
const MOST_GUESTS = 1023;
const VCPUS = count(1, 4096);
const GUEST_BYTES = size(2 ** 21, 64 * 2 ** 20);

const machine = z
  .strictObject({
    memory: GUEST_BYTES.describe('Memory of a guest.'),
    arch: choice(ARCHES).default('snp').describe('What the hardware of the guest does with private memory.'),
    vcpus: VCPUS.default(1).describe('vCPUs of a guest.'),
    seed: count(0, 0xffffffff).default(0).describe('Of every random choice: the same seed gives the same ops.'),
    hostMemory: size(BLOCK_BYTES, BLOCK_BYTES, MAX_MEMORY_BYTES)
      .optional()
      .describe('Simulated host memory; without it, what gmem compare takes for any input.'),
  })
  .describe('The machine, and what every guest has that does not say otherwise.');

const guest = z
  .strictObject({
    name: name().describe('Name phases call it by.'),
    memory: GUEST_BYTES.optional().describe('Its memory; without it, that of the machine.'),
    vcpus: VCPUS.optional().describe('Its vCPUs; without it, those of the machine.'),
    flags: z
      .array(choice(Object.keys(CREATE_FLAG) as [keyof typeof CREATE_FLAG, ...(keyof typeof CREATE_FLAG)[]]))
      .default([])
      .describe('Flags its gmem file is created with.'),
  })
  .describe('A guest.');

const presetNames = PRESET_NAMES as [(typeof PRESET_NAMES)[number], ...(typeof PRESET_NAMES)[number][]];

function knob<K extends KnobName>(name: K) {
  const values = KNOBS[name] as readonly KnobValue<K>[];
  const accepted = values.join(', ');
  return z
    .literal(values as never, { error: ({ input }) => `got ${JSON.stringify(input)}, accepted: ${accepted}` })
    .optional();
}

const knobs = z.strictObject(
  Object.fromEntries(Object.keys(KNOBS).map((name) => [name, knob(name as KnobName)])) as unknown as {
    [K in KnobName]: z.ZodOptional<z.ZodType<KnobValue<K>>>;
  },
);

const policy = z.union(
  [
    choice(presetNames),
    z.strictObject({
      name: name().describe('What reports call it.'),
      base: choice(presetNames).default('mainline-6.18').describe('Preset the knobs start from.'),
      knobs: knobs.describe('Knobs that differ from the base.'),
    }),
  ],
  {
    error: ({ input }) =>
      `got ${JSON.stringify(input)}, accepted: a preset (${PRESET_NAMES.join(', ')}), or name, base and knobs`,
  },
);

type PhaseSchema = (typeof PHASES)[number]['schema'];

export const scenarioSchema = z.strictObject({
  schema: z.literal(SCENARIO_SCHEMA).describe('Says that this is a scenario, and which version.'),
  name: name().describe('Name of the scenario.'),
  description: text().optional().describe('What it is for.'),
  machine,
  guests: z
    .array(guest)
    .min(1)
    .max(MOST_GUESTS)
    .prefault([{ name: 'guest' }])
    .describe('Guests on the host, each one VM with one gmem file; a guest is created before its first phase.'),
  policies: z
    .array(policy)
    .min(1)
    .optional()
    .describe('Designs to run the scenario under: presets, or knobs on one; without it, every preset.'),
  rounds: count(1, MOST_GUESTS)
    .default(1)
    .describe('How often all phases run, with new guests each time: one VM after the other on the same host.'),
  phases: z
    .array(
      z.discriminatedUnion('phase', PHASES.map((phase) => phase.schema) as unknown as [PhaseSchema, ...PhaseSchema[]]),
    )
    .min(1)
    .describe('What happens, in order.'),
});

/** A scenario, read: sizes in bytes, shares 0 to 1, defaults filled in. */
export type ScenarioDocument = z.output<typeof scenarioSchema>;
/** A phase's keys as read. */
export type PhaseDocument = ScenarioDocument['phases'][number];
