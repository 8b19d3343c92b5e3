/**
 * The calibration of this machine. No time is held against a bound: what is asserted is what holds on any machine, such as
 * that 2^18 pages take longer to clear than one.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { calibrate, schedule } from '../../lib/calibrate/calibrate.js';
import { type Calibration, calibrationSchema, formatCalibration } from '../../lib/calibrate/document.js';
import { FIGURE_NAMES, type FigureName } from '../../lib/calibrate/figures.js';
import { calibrateAddon } from '../../lib/calibrate/native.js';
import { COST_EVENT_NAMES } from '../../lib/cost/events.js';
import { parseCostFile } from '../../lib/cost/file.js';
import * as api from '../../lib/index.js';
import { file, gmem, interrupted, SMALL, scratch } from '../cli/gmem.js';
import { SKIP_VCPU } from '../kvm/support.js';
import { noPlainUser, PLAIN_USER } from '../support/plain-user.js';

/** Descriptors and mappings a calibration could leave. */
function held(): string[] {
  const descriptors = readdirSync('/proc/self/fd').length;
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return [`${descriptors} descriptors`, ...maps.filter((line) => /kvm|guest_memfd|memfd:gmem/.test(line))];
}

function check(calibration: Calibration): void {
  assert.deepEqual(calibrationSchema.parse(JSON.parse(formatCalibration(calibration))), calibration);
  const { figures, absent, cycles } = calibration;
  for (const name of FIGURE_NAMES) {
    assert.equal(Number(figures[name] !== undefined) + Number(absent[name] !== undefined), 1, name);
  }
  for (const [name, found] of Object.entries(figures)) {
    assert.ok(found.p10_ns <= found.median_ns && found.median_ns <= found.p90_ns, name);
    assert.ok(found.median_ns > 0, name);
    assert.equal(found.bytes_per_second !== undefined, name.startsWith('clear_'), name);
  }
  assert.deepEqual(Object.keys(cycles), COST_EVENT_NAMES);
  const slower = (slow: FigureName, fast: FigureName): void => {
    const [a, b] = [figures[slow], figures[fast]];
    if (a !== undefined && b !== undefined) assert.ok(a.median_ns > b.median_ns, `${slow} is not above ${fast}`);
  };
  for (const how of ['nontemporal', 'memset', 'string'] as const) slower(`clear_${how}_1g`, `clear_${how}_4k`);
  slower('gmem_fallocate_2m', 'clock');
  slower('gmem_punch_mapped_2m', 'clock');
}

test('figures here and in the addon are the same', () => {
  assert.deepEqual([...calibrateAddon().calibrateNames()].sort(), [...FIGURE_NAMES].sort());
});

test('samples are taken in turns, memory as it comes before anything is freed', () => {
  assert.deepEqual(schedule(['clock', 'gmem_first_touch_4k', 'syscall'], 2), [
    'gmem_first_touch_4k',
    'gmem_first_touch_4k',
    'clock',
    'syscall',
    'clock',
    'syscall',
  ]);
});

test('a calibration measures, is of its schema, and leaves nothing', async () => {
  calibrateAddon();
  const before = held();
  const seen: number[] = [];
  const calibration = await calibrate({ repetitions: 2, onProgress: (done) => seen.push(done) });
  assert.deepEqual(held(), before);
  check(calibration);
  assert.deepEqual(
    seen,
    seen.map((_, i) => i + 1),
  );
  assert.equal(calibration.figures.syscall?.samples, 2);
  // What follows from it is a cost table, and a recomputation of it: cycles are medians times the clock.
  const { entries } = parseCostFile(formatCalibration(calibration), 'host.json');
  const clear = calibration.figures.clear_string_4k;
  if (clear !== undefined && calibration.machine.tsc_hz !== null) {
    const expected = (clear.median_ns * calibration.machine.tsc_hz) / 1e9;
    assert.equal(entries.clear_page.basis, 'measured');
    assert.ok(Math.abs(entries.clear_page.cycles - expected) <= 1, `${entries.clear_page.cycles}, not ${expected}`);
  }
});

test('with /dev/kvm every figure of guest_memfd and of the vCPU is there', { skip: SKIP_VCPU }, async () => {
  const figures = FIGURE_NAMES.filter((name) => /gmem|vcpu/.test(name));
  const calibration = await calibrate({ repetitions: 1, figures });
  assert.deepEqual(Object.keys(calibration.figures), figures);
  assert.deepEqual(calibration.absent, {});
  assert.equal(calibration.cycles.fault_4k?.basis, 'measured');
});

test('an aborted calibration gives nothing and leaves nothing', async () => {
  const before = held();
  const controller = new AbortController();
  const running = calibrate({
    repetitions: 50,
    figures: ['syscall', 'gmem_host_fault_absent_4k', 'gmem_vcpu_fault_absent_4k'],
    signal: controller.signal,
    onProgress: (done) => {
      if (done === 5) controller.abort();
    },
  });
  await assert.rejects(running, { code: 'ERR_GMEM_ABORTED' });
  assert.deepEqual(held(), before);
});

test('gmem calibrate writes a file --cost takes', (t) => {
  const folder = scratch(t);
  const host = path.join(folder, 'host.json');
  const made = gmem(['calibrate', '--repetitions', '1', '-o', host]);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout, '');
  assert.match(made.stderr, /syscall .* ns/);
  check(calibrationSchema.parse(JSON.parse(readFileSync(host, 'utf8'))));
  const used = gmem(['compare', file(folder, 'ops.jsonl', SMALL), '--policies', 'rfc-thp', '--cost', host]);
  assert.equal(used.code, 0, used.stderr);
  assert.match(used.stdout, /counters times the calibration of 20/);
});

test('Ctrl-C: exit code 130, no file', async (t) => {
  const folder = scratch(t);
  const host = path.join(folder, 'host.json');
  const { code, stdout, stderr } = await interrupted(['calibrate', '--repetitions', '1000', '-o', host], 'SIGINT');
  assert.equal(code, 130, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /interrupted: nothing was written/);
  assert.deepEqual(readdirSync(folder), []);
});

test('bad arguments are usage errors, before anything is measured', (t) => {
  const folder = scratch(t);
  for (const args of [
    ['--repetitions', '0'],
    ['--repetitions', 'many'],
    ['-o', path.join(folder, 'no', 'x.json')],
    ['-o', folder],
  ]) {
    const { code, stderr } = gmem(['calibrate', ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^gmem: (--repetitions|-o): /);
    assert.ok(!existsSync(path.join(folder, 'no')));
  }
});

test('a plain user: what needs /dev/kvm is absent with the errno, the rest is measured', {
  skip: noPlainUser(),
}, () => {
  const main = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));
  const child = spawnSync(process.execPath, [main, 'calibrate', '--repetitions', '1'], PLAIN_USER);
  assert.equal(child.status, 0, child.stderr);
  const calibration = calibrationSchema.parse(JSON.parse(child.stdout));
  check(calibration);
  for (const name of FIGURE_NAMES) {
    if (!/gmem|vcpu/.test(name)) continue;
    assert.match(calibration.absent[name]?.errno ?? '', /^(EACCES|ENOENT)$/, name);
    assert.match(calibration.absent[name]?.reason ?? '', /\/dev\/kvm/, name);
  }
  assert.ok(calibration.figures.syscall !== undefined && calibration.figures.anonymous_fault_4k !== undefined);
  assert.match(calibration.cycles.fault_4k?.source ?? '', /^not measured here/);
});

test('the addon refuses hostile arguments', () => {
  const addon = calibrateAddon() as unknown as Record<string, (...args: unknown[]) => unknown>;
  const odd = [undefined, null, -1, 0.5, Number.NaN, 2 ** 60, '1', {}, [], 1n];
  for (const name of [
    'calibrateOpen',
    'calibrateSample',
    'calibrateHost',
    'gmemOpen',
    'gmemTouch',
    'gmemPunch',
    'gmemHold',
    'gmemRelease',
  ]) {
    for (const value of odd) assert.throws(() => addon[name]?.(value, value, value, value), TypeError, name);
    assert.throws(() => addon[name]?.(), TypeError, name);
    assert.throws(() => addon[name]?.(4_000_000_000, 'syscall', 0, 4096), TypeError, name);
  }
  for (const name of ['calibrateClose', 'gmemClose']) assert.equal(addon[name]?.(4_000_000_000), undefined);
  const handle = addon.calibrateOpen?.(2 ** 21);
  assert.throws(() => addon.calibrateSample?.(handle, 'no such figure'), TypeError);
  assert.throws(() => addon.calibrateSample?.(handle), TypeError);
  const large = addon.calibrateSample?.(handle, 'clear_memset_1g') as { lacks: string } | undefined;
  assert.equal(large?.lacks, 'memory to measure with');
  addon.calibrateClose?.(handle);
  assert.throws(() => addon.calibrateSample?.(handle, 'clock'), TypeError);
  const small = addon.gmemOpen?.(2 ** 22);
  assert.equal(addon.gmemPunch?.(small), 0);
  for (const [offset, bytes] of [
    [0, 2 ** 22 + 4096],
    [2 ** 22, 4096],
    [1, 4096],
    [0, 0],
    [4096, 2 ** 22],
  ]) {
    assert.throws(() => addon.gmemTouch?.(small, true, offset, bytes), TypeError);
  }
  assert.equal(addon.gmemHold?.(small, 2 ** 22), 0);
  assert.equal(addon.gmemHold?.(small, 2 ** 21), 22);
  addon.gmemRelease?.(small, 2 ** 30);
  addon.gmemRelease?.(small, 2 ** 30);
  addon.gmemClose?.(small);
});

test('from code: options are checked before anything is measured, and a signal ends it', async () => {
  const refuse = (options: unknown, message: RegExp) =>
    assert.rejects(api.calibrate(options as never), { name: 'GmemError', code: 'ERR_GMEM_ARGUMENT', message });
  await refuse({ repetitions: 0 }, /^repetitions: 0 is not accepted/);
  await refuse({ figures: ['clear_all'] }, /^figures\[0\]: "clear_all" is not accepted/);
  await refuse({ figures: 'all' }, /^figures: /);
  await refuse({ signal: 1 }, /^signal: /);
  await refuse({ onProgress: 1 }, /^onProgress: /);
  await refuse({ figure: [] }, /unknown key "figure", did you mean "figures"\?/);
  await assert.rejects(api.calibrate({ signal: AbortSignal.abort() }), { code: 'ERR_GMEM_ABORTED' });
  const [figure] = FIGURE_NAMES;
  const calibration = await api.calibrate({ repetitions: 1, figures: [figure as FigureName] });
  assert.equal(api.parseCosts(api.formatCalibration(calibration)).origin.kind, 'calibration');
  assert.equal(api.formatCalibration(calibration), formatCalibration(calibration));
  const refused = (value: unknown, message: RegExp): void =>
    assert.throws(() => api.formatCalibration(value as Calibration), { code: 'ERR_GMEM_ARGUMENT', message });
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  refused(10n, /^calibration: accepted: what calibrate gives\ncalibration: got 10n, accepted: an object$/);
  refused(undefined, /\ncalibration: missing, accepted: an object$/);
  refused({}, /\nschema: missing, accepted: gmem\.calibration\/1\n/);
  refused(cyclic, /\ncalibration: unknown key "self"$/);
  refused({ ...calibration, tool: cyclic }, /\ntool: unknown key "self"$/);
  refused({ ...calibration, date: 5 }, /gives\ndate: got 5, accepted: text$/);
  refused({ ...calibration, figures: { syscal: {} } }, /\nfigures: unknown key "syscal"$/);
  assert.throws(() => api.parseCosts('{"cycles":{"psmesh":1}}', 'my.json'), {
    code: 'ERR_GMEM_INPUT',
    message: /my\.json/,
  });
});
