/**
 * The historical faults (lib/reference/historical.ts), one after the other: with it on, the differential suite fails within
 * the ops it runs by default, and leaves a handful of ops. What docs/historical-faults.md shows still holds.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createEngine } from '../lib/index.js';
import { difference } from './support/differential.js';
import { catches, FAULT_NAMES, faultOf, faultyEngines, soundAgree } from './support/historical.js';
import { planOf, type Records, seen, shown } from './support/historical-doc.js';
import { linesOf } from './support/ops.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FEW_OPS = 10;
/** Of the 300 000 ops the suite runs under presets. */
const MOST_OPS = 150_000;

const records: Records = JSON.parse(readFileSync(path.join(ROOT, 'test/data/historical-faults.json'), 'utf8'));

describe('the differential suite finds', () => {
  for (const name of FAULT_NAMES) {
    test(`H${faultOf(name).number} ${name}`, (t) => {
      const { value: caught } = catches(name, MOST_OPS).next();
      assert.ok(caught, 'not found');
      const { plan, ops } = caught;
      const lines = linesOf(plan.ops);
      t.diagnostic(`${caught.test}: after ${ops} ops, ${lines.length} left`);
      for (const line of [...lines, ...shown(caught.difference)]) t.diagnostic(line);
      assert.ok(lines.length <= FEW_OPS, `${lines.length} ops left`);
      assert.ok(soundAgree(plan), 'differs without the fault');
    });
  }
});

describe('the recorded stream', () => {
  for (const name of FAULT_NAMES) {
    test(`of ${name} shows it, and only with the fault and with all of its ops`, () => {
      const recorded = records[name];
      const plan = planOf(recorded);
      assert.equal(seen(name, recorded).ops, plan.ops.length, 'seen before its last op');
      assert.ok(soundAgree(plan), 'differs without the fault');
      const idle = plan.ops.filter((_, i) => {
        const ops = plan.ops.filter((_, j) => j !== i);
        return ops.length > 0 && difference(faultyEngines(name), { ...plan, ops }, { chunk: 1 }) !== undefined;
      });
      assert.deepEqual(linesOf(idle), [], 'ops it does not need');
    });
  }

  test('docs/historical-faults.md is current', () => {
    const check = spawnSync(process.execPath, [path.join(ROOT, 'tools/historical-faults-doc.mjs')], {
      encoding: 'utf8',
    });
    assert.equal(check.stderr, '');
    assert.equal(check.status, 0);
  });
});

describe('the switches', () => {
  test('are H1 to H20, each once', () => {
    assert.deepEqual(
      FAULT_NAMES.map((name) => faultOf(name).number),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  test('are asked for at one place at least, and in the reference engine alone', () => {
    const sources = readdirSync(path.join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('reference/historical.ts'))
      .map((file) => ({ file, text: readFileSync(path.join(ROOT, 'lib', file), 'utf8') }));
    const outside = sources.filter(({ file }) => !file.startsWith(`reference${path.sep}`));
    assert.ok(outside.length > 0);
    for (const { file, text } of outside) assert.doesNotMatch(text, /historical|faulty/, file);
    for (const name of FAULT_NAMES) {
      assert.ok(
        sources.some(({ text }) => text.includes(`state.faulty('${name}')`)),
        name,
      );
    }
  });

  test('are no option of an engine', () => {
    const options = { engine: 'reference', policy: 'rfc-thp', memory: '2MiB', faults: FAULT_NAMES };
    assert.throws(() => createEngine(options as never), /faults/);
  });
});
