/**
 * Every rule of docs/semantics.md, docs/semantics-designs.md and docs/semantics-tdx.md, on every engine.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { engineKinds, makeBackend } from './support/engines.js';
import { RULES } from './support/rules/index.js';
import type { Rule } from './support/rules/rule.js';
import { countersOf, knobs, MiB, options, runOps, viewOf } from './support/run.js';

for (const engine of engineKinds()) {
  for (const [section, rules] of Object.entries(RULES)) {
    describe(`${engine}: ${section}`, () => {
      for (const rule of rules) test(rule.rule, () => check(engine, rule));
    });
  }
}

function check(engine: string, rule: Rule): void {
  const backend = makeBackend(
    engine,
    options({
      knobs: knobs(rule.policy),
      arch: rule.arch ?? 'none',
      memoryBytes: rule.memory ?? 64 * MiB,
      contents: rule.contents ?? true,
    }),
  );
  try {
    const outcomes = runOps(
      backend,
      rule.steps.map(([op]) => op),
    );
    const expected = rule.steps.map(([op, outcome], i) => ({ i, ...op, outcome }));
    assert.deepEqual(
      rule.steps.map(([op], i) => ({ i, ...op, outcome: outcomes[i] })),
      expected,
    );
    const counters = countersOf(backend);
    for (const [name, value] of Object.entries(rule.counters ?? {})) {
      assert.equal(counters[name as keyof typeof counters], value, name);
    }
    for (const { gmem = 0, index, ...page } of rule.pages ?? []) {
      const found = viewOf(backend, gmem, index, 1).page(0);
      const seen = Object.fromEntries(Object.keys(page).map((key) => [key, found[key as keyof typeof found]]));
      assert.deepEqual(seen, page, `gmem ${gmem} index ${index}`);
    }
    const refused = outcomes.filter((outcome) => !outcome.ok).length;
    const counted = Object.values(counters.errors).reduce((sum, times) => sum + times, 0);
    assert.equal(counted, refused, 'errors counted');
    const left = outcomes.filter((outcome) => outcome.exit !== undefined || outcome.mmio === true).length;
    const converting = rule.arch === 'pkvm' ? 0 : counters.converts;
    assert.equal(counters.exits, left + converting, 'exits counted');
    assert.deepEqual(backend.verify(), []);
  } finally {
    backend.close();
  }
}
