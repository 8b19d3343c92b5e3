/** Scenarios for tests: bundled files, and small ones made of phases. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OpName } from '../../lib/spec/ops.js';
import { type Scenario, scenarioFrom } from '../../lib/workload/scenario.js';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const BUNDLED = readdirSync(path.join(ROOT, 'scenarios')).sort();

export function bundled(name: string, ...set: string[]): Scenario {
  return scenarioFrom(readFileSync(path.join(ROOT, 'scenarios', name), 'utf8'), name, { set });
}

/** A guest of 4 GiB and 4 vCPUs with these phases, in JSON (which is YAML). */
export function scenarioOf(phases: object[], machine: object = {}, rest: object = {}): Scenario {
  const document = {
    schema: 'gmem.scenario/1',
    name: 'test',
    machine: { memory: '4GiB', vcpus: 4, seed: 1, ...machine },
    phases,
    ...rest,
  };
  return scenarioFrom(JSON.stringify(document), 'test.yaml');
}

export interface Op {
  op: OpName;
  vm: number;
  vcpu: number;
  address: number;
  size: number;
  extra: number;
  arg: number;
  /** Of a conversion. */
  to: 'shared' | 'private';
  source: string | undefined;
  t: number | undefined;
}

/** Every op of a small scenario. */
export function opsOf(scenario: Scenario): Op[] {
  const ops: Op[] = [];
  for (const { stream, start } of scenario.ops.chunks()) {
    if (start !== ops.length) throw new Error(`chunk says it starts at ${start}, ${ops.length} ops went before`);
    for (let i = 0; i < stream.length; i += 1) {
      const { vm, vcpu, address, size, extra, arg, flags } = stream.records.read(i);
      const to = (flags & 2) === 0 ? 'shared' : 'private';
      const source = stream.notes.get(i)?.source;
      ops.push({ op: stream.records.opName(i), vm, vcpu, address, size, extra, arg, to, source, t: stream.time(i) });
    }
  }
  return ops;
}

export function countsOf(ops: readonly Op[]): Partial<Record<OpName, number>> {
  const counts: Partial<Record<OpName, number>> = {};
  for (const { op } of ops) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

export function bytesOf(ops: readonly Op[]): number {
  return ops.reduce((sum, { size }) => sum + size, 0);
}
