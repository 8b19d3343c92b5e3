/** From samples to figures, from figures to cycles, from cycles to what a comparison says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { costsOf } from '../../lib/calibrate/costs.js';
import { formatCalibration } from '../../lib/calibrate/document.js';
import { median, quantile, spread } from '../../lib/calibrate/statistics.js';
import { isRun } from '../../lib/compare/results.js';
import { parseCostFile } from '../../lib/cost/file.js';
import { DEFAULT_COST_TABLE } from '../../lib/cost/table.js';
import { GmemError } from '../../lib/engine/error.js';
import { renderReport } from '../../lib/report/render.js';
import { sample } from '../report/sample.js';
import { figure, madeUp } from './made-up.js';

const MEDIANS = {
  gmem_vcpu_fault_present_4k: 3000,
  gmem_fallocate_2m: 512_000,
  gmem_punch_mapped_2m: 256_000,
  clear_string_4k: 250,
} as const;

test('order statistics', () => {
  assert.equal(median([5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9, 1]), 9);
  assert.equal(quantile([0, 10, 20, 30], 1), 30);
  const eleven = [10, 0, 9, 1, 8, 2, 7, 3, 6, 4, 5].map((value) => value * 100);
  assert.deepEqual(spread(eleven), { median_ns: 500, p10_ns: 100, p90_ns: 900, samples: 11 });
});

test('cycles are nanoseconds times the clock, of the figure of that very event', () => {
  const { cycles } = madeUp(MEDIANS);
  // 2 GHz: two cycles a nanosecond.
  assert.deepEqual([cycles.fault_4k?.cycles, cycles.fault_4k?.basis], [6000, 'measured']);
  assert.deepEqual([cycles.allocate_4k?.cycles, cycles.allocate_4k?.basis], [2000, 'measured']);
  assert.deepEqual([cycles.zap_4k?.cycles, cycles.zap_4k?.basis], [1000, 'measured']);
  assert.deepEqual([cycles.clear_page?.cycles, cycles.clear_page?.basis], [500, 'measured']);
  for (const event of ['fault_2m', 'fault_1g', 'allocate_2m', 'zap_1g'] as const) {
    assert.equal(cycles[event]?.basis, 'fitted', event);
    assert.match(cycles[event]?.source ?? '', /taken alike/);
  }
});

test('what was not measured keeps the built-in number and says so', () => {
  const nothing = costsOf({}, 2e9);
  const noClock = costsOf({ clear_string_4k: figure(250) }, 0);
  for (const table of [nothing, noClock]) {
    for (const [event, { cycles, basis, source }] of Object.entries(table)) {
      const builtIn = DEFAULT_COST_TABLE.entries[event as keyof typeof table];
      assert.deepEqual([cycles, basis], [builtIn.cycles, builtIn.basis], event);
      assert.match(source, /^not measured here, the built-in number: /);
    }
  }
  const measured = madeUp(MEDIANS).cycles;
  for (const event of ['rmpupdate_4k', 'psmash', 'pvalidate', 'exit', 'convert', 'split_2m', 'merge_1g'] as const) {
    assert.equal(measured[event]?.cycles, DEFAULT_COST_TABLE.entries[event].cycles, event);
    assert.match(measured[event]?.source ?? '', /^not measured here/);
  }
  const byMemset = costsOf({ clear_memset_4k: figure(100) }, 1e9);
  assert.deepEqual([byMemset.clear_page.cycles, byMemset.clear_page.basis], [100, 'measured']);
});

test('--cost takes a calibration, and every report says which table it was', async () => {
  const costs = parseCostFile(formatCalibration(madeUp(MEDIANS)), 'host.json');
  const plain = await sample({ policies: ['rfc-thp'] });
  const document = await sample({ policies: ['rfc-thp'], costs });
  const [before, after] = [plain.results[0], document.results[0]];
  assert.ok(before !== undefined && after !== undefined && isRun(before) && isRun(after));
  assert.deepEqual(after.counters, before.counters);

  const { counters } = after;
  const own = {
    fault_4k: counters.faults_4k * 6000,
    fault_2m: counters.faults_2m * 6000,
    allocate_4k: counters.folios_allocated_4k * 2000,
    allocate_2m: counters.folios_allocated_2m * 2000,
    zap_4k: counters.zaps_4k * 1000,
    zap_2m: counters.zaps_2m * 1000,
    clear_page: counters.pages_cleared * 500,
  };
  let total = before.modelled.cycles_total;
  for (const [event, cycles] of Object.entries(own)) {
    assert.equal(after.modelled.cycles[event as keyof typeof own] ?? 0, cycles, event);
    total += cycles - (before.modelled.cycles[event as keyof typeof own] ?? 0);
  }
  assert.ok(own.fault_4k > 0 && own.fault_2m > 0 && own.clear_page > 0);
  assert.equal(after.modelled.cycles_total, total);
  // No calibration changes what a conversion was fitted to.
  assert.equal(after.modelled.plain_conversion_cycles, before.modelled.plain_conversion_cycles);

  assert.deepEqual(document.cost_origin, {
    name: 'calibration',
    kind: 'calibration',
    date: '2026-01-02T03:04:05.678Z',
    machine: 'Made Up 9000, 3 CPUs, Linux 6.18.0-made-up, kvm_amd',
  });
  for (const format of ['table', 'json', 'html'] as const) {
    const text = renderReport(format, document).replace(/\s+/g, ' ');
    assert.match(text, /2026-01-02T03:04:05\.678Z/, format);
    assert.match(text, /Made Up 9000, 3 CPUs, Linux 6\.18\.0-made-up, kvm_amd/, format);
    assert.doesNotMatch(renderReport(format, plain), /Made Up/, format);
  }
  assert.equal(plain.cost_origin.kind, 'built-in');
  assert.match(renderReport('table', plain), /built-in table of published and fitted costs/);
});

test('a calibration that is not one is refused with places', () => {
  const problems = (text: string): readonly string[] => {
    try {
      parseCostFile(text, 'host.json');
    } catch (error) {
      assert.ok(error instanceof GmemError && error.code === 'ERR_GMEM_INPUT');
      return error.problems;
    }
    return assert.fail(`accepted: ${text}`);
  };
  const good = formatCalibration(madeUp(MEDIANS));
  const line = (text: string, part: string): number => text.split('\n').findIndex((l) => l.includes(part)) + 1;
  const negative = good.replace('"cycles": 6000', '"cycles": -1');
  assert.match(
    problems(negative)[0] ?? '',
    new RegExp(`^host\\.json:${line(negative, '-1')}:\\d+: cycles\\.fault_4k\\.cycles: `),
  );
  const unknown = good.replace('"fault_4k"', '"fault_8k"');
  assert.ok(problems(unknown).some((problem) => /cycles\.fault_8k: unknown key of gmem\.calibration\/1/.test(problem)));
  const later = good.replace('gmem.calibration/1', 'gmem.calibration/2');
  assert.match(problems(later)[0] ?? '', /^host\.json:2:\d+: schema: accepted: "gmem\.calibration\/1"/);
  assert.ok(problems('{"schema": null}').length > 0);
  assert.ok(problems(good.replace('"2026-01-02T03:04:05.678Z"', '"yesterday"'))[0]?.includes('date'));
});
