/**
 * A scenario, read and planned: what it asks for, and its ops.
 */
import { readFile } from 'node:fs/promises';
import { inputError } from '../ops/problems.js';
import type { OpSource } from '../ops/source.js';
import type { PolicyInput } from '../policy/policy.js';
import type { Arch } from '../spec/knobs.js';
import type { Setting } from '../trace/setting.js';
import { reasonOf } from '../trace/source.js';
import type { Problem } from './issues.js';
import { ScenarioOps } from './ops.js';
import { parseScenario } from './parse.js';
import { planScenario } from './plan.js';

export interface Scenario {
  readonly name: string;
  readonly description: string | undefined;
  readonly arch: Arch;
  readonly seed: number;
  /** Simulated host memory in bytes, when the scenario says it. */
  readonly hostMemoryBytes: number | undefined;
  /** Designs to run it under, when the scenario says them. */
  readonly policies: readonly PolicyInput[] | undefined;
  /** Made while they are read, any number of times. */
  readonly ops: OpSource;
}

export interface ScenarioOptions {
  /** `key.path=value` each, the value in YAML: replaces or adds what the file says. */
  readonly set?: readonly string[];
}

/**
 * Reads a scenario file.
 *
 * @throws GmemError `ERR_GMEM_INPUT` with every problem of the file as `file:line:column: key: what is wrong, what is accepted`.
 */
export async function openScenario(path: string, options: ScenarioOptions = {}): Promise<Scenario> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw inputError(path, `cannot be read: ${reasonOf(error)}`, error);
  }
  return scenarioFrom(text, path, options);
}

/** A scenario from its text; `file` is its name in messages. @throws as openScenario. */
export function scenarioFrom(
  text: string,
  file: string,
  options: { readonly set?: readonly Setting[] | undefined } = {},
): Scenario {
  const { understood, accept } = parseScenario(text, file, options.set);
  const problems: Problem[] = [];
  const plan = planScenario(understood, problems);
  const document = accept(problems);
  return {
    name: document.name,
    description: document.description,
    arch: document.machine.arch,
    seed: document.machine.seed,
    hostMemoryBytes: document.machine.hostMemory,
    policies: document.policies as readonly PolicyInput[] | undefined,
    ops: new ScenarioOps(plan),
  };
}
