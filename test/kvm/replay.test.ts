/** A replay on the running kernel is labelled as what it is, whatever a scenario says of a simulated host. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { isRun, replay } from '../../lib/index.js';
import { openInput } from '../../lib/trace/input.js';
import { file, gmem, scratch } from '../cli/gmem.js';
import { SKIP } from './support.js';

const LINES = ['{"op":"create","size":8192}', '{"op":"fallocate","offset":0,"size":8192}', '{"op":"close"}'];

test('the row is running-kernel, on arch none, with what was verified', { skip: SKIP }, async (t) => {
  const input = file(scratch(t), 'e.jsonl', LINES);
  const { code, stdout, stderr } = gmem(['replay', input, '--engine', 'kvm', '--verify']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /e\.jsonl: 3 ops, guest 8 KiB, arch none, kvm engine, /);
  assert.match(stdout, /^running-kernel: its files and slots are what was asked for$/m);
  const { settings, results } = await replay(await openInput(input), { engine: 'kvm', verify: true });
  assert.equal(settings.arch, 'none');
  const [run] = results;
  assert.ok(run !== undefined && isRun(run));
  assert.deepEqual([run.policy, run.engine, run.violations], ['running-kernel', 'kvm', []]);
});

test("a scenario's host is left aside, its ops are made", { skip: SKIP }, (t) => {
  const scenario = file(scratch(t), 's.yaml', [
    'schema: gmem.scenario/1',
    'name: s',
    'machine: { arch: tdx, memory: 64MiB, hostMemory: 128MiB, seed: 3 }',
    'policies: [hugetlb-1g]',
    'phases:',
    '  - phase: boot',
    '    touched: 16MiB',
  ]);
  const args = ['replay', scenario, '--engine', 'kvm', '--set', 'machine.seed=4', '--format', 'json', '-q'];
  const { code, stdout, stderr } = gmem(args);
  assert.equal(code, 0, stderr);
  const { settings, results } = JSON.parse(stdout);
  assert.deepEqual([settings.arch, settings.seed, results[0].policy], ['none', 0, 'running-kernel']);
});
