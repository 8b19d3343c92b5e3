/**
 * engine.count: what page views say, on every engine, over any range, by every instruction set of this machine; and what is
 * said where something cannot be counted.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createBackend } from '../../lib/engine/create.js';
import { createEngine, type EngineOptions, PAGE_STATE_NAMES, type PageState } from '../../lib/index.js';
import { PAGE_ALL_BITS, PAGE_STATES, PAGE_VIEW_WORDS, pageQuery } from '../../lib/spec/page-view.js';
import { SIMD_PATHS } from '../../lib/spec/simd.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { countInView, STATE_LISTS } from '../support/counts.js';
import { optionsOf } from '../support/differential.js';
import { nameOf, recordsOf } from '../support/ops.js';
import { presetPolicies, streamOps } from '../support/policies.js';
import { PROFILE_NAMES } from '../support/profiles.js';
import { randomStream } from '../support/random-stream.js';
import { ENGINES, start, startBound } from './engines.js';

const LIBRARY = fileURLToPath(new URL('../../lib/index.js', import.meta.url));

/** The instruction sets that this machine has. */
const simdHere = SIMD_PATHS.filter((simd) => {
  try {
    start('native', { simd }).close();
    return true;
  } catch (error) {
    assert.match(String(error), /this CPU does not have it/);
    return false;
  }
});

test('every count is that of the page views: all presets, both engines, every state and pair, all paths of this CPU', () => {
  assert.ok(simdHere.includes('portable'));
  let nonzero = 0;
  for (const [turn, policy] of presetPolicies().entries()) {
    const profile = PROFILE_NAMES[turn % PROFILE_NAMES.length] as (typeof PROFILE_NAMES)[number];
    const plan = { ...policy, ...randomStream(700 + turn, profile, policy, streamOps(policy)) };
    const records = recordsOf(plan.ops);
    const paths = [...simdHere.map((simd) => ['native', simd] as const), ['reference', undefined] as const];
    for (const [engine, simd] of paths) {
      const backend = createBackend(engine, { ...optionsOf(plan), ...(simd === undefined ? {} : { simd }) });
      backend.run(records.bytes, 0, records.length, null);
      const created = plan.ops.filter((fields) => nameOf(fields) === 'create');
      for (const gmem of new Set(created.map((fields) => fields.gmem))) {
        const pages = Math.min(3 * 512 + 77, backend.fileSize(gmem) / PAGE_BYTES);
        if (pages <= 0) continue;
        const words = new Uint32Array(pages * PAGE_VIEW_WORDS);
        assert.ok(backend.pageView(gmem, 0, pages, words));
        for (const [i, states] of STATE_LISTS.entries()) {
          const first = (i * 131) % pages;
          const end = first + 1 + ((i * 607 + turn) % (pages - first));
          for (const [from, to] of [
            [0, pages],
            [first, end],
          ] as const) {
            const query = pageQuery(states);
            const wanted = countInView(words, from, to, query);
            const counted = backend.countPages(gmem, from, to - from, query);
            const what = `${policy.policy} ${policy.arch} ${profile} ${engine} ${simd}: file ${gmem} ${states} ${from} to ${to}`;
            assert.equal(counted, wanted, what);
            if (wanted > 0 && wanted < to - from) nonzero += 1;
          }
        }
      }
      backend.close();
    }
  }
  assert.ok(nonzero > 1000, `${nonzero} counts of some, not all pages`);
});

for (const kind of ENGINES) {
  test(`${kind}: counts by state, of a range, of several states at once`, () => {
    const { host, vm, gmem } = startBound(kind);
    assert.equal(gmem.count('present'), 0);
    assert.equal(gmem.count('absent'), 2048);
    vm.touch({ gpa: '2MiB', size: '2MiB' });
    vm.convert({ gpa: '3MiB', size: '64K', to: 'shared' });
    assert.equal(gmem.count('prepared'), 512 - 16);
    assert.equal(gmem.count(['private', 'mapped']), gmem.count('leaf4k') + gmem.count('leaf2m'));
    assert.equal(gmem.count('shared'), 16);
    assert.equal(host.count(0, 'shared', { offset: '3MiB', size: 8 * 4096 }), 8);
    assert.equal(host.count(gmem, 'shared', { offset: '3MiB' }), 16);
    assert.equal(gmem.count('private', { size: '3MiB' }), 768);
    assert.equal(gmem.count([]), 2048);
    assert.equal(gmem.count(['present', 'absent']), 0);
    assert.equal(
      gmem.count('absent', { offset: '7MiB', size: '512GiB' }),
      256,
      'what is beyond the file does not count',
    );
    assert.equal(gmem.count('absent', { offset: '1GiB' }), 0);
    assert.equal(gmem.count('absent', { size: 0 }), 0);
    host.close();
  });

  test(`${kind}: what cannot be counted is said`, () => {
    const { host, gmem } = startBound(kind);
    assert.throws(() => gmem.count('prepard' as PageState), { code: 'ERR_GMEM_ARGUMENT', message: /prepared/ });
    assert.throws(() => gmem.count(['present', 7 as never]), { code: 'ERR_GMEM_ARGUMENT' });
    assert.throws(() => gmem.count('present', { offset: 1 }), { code: 'ERR_GMEM_ARGUMENT', message: /whole pages/ });
    assert.throws(() => gmem.count('present', { size: -4096 }), { code: 'ERR_GMEM_ARGUMENT' });
    assert.throws(() => gmem.count('present', { first: 0 } as never), { code: 'ERR_GMEM_ARGUMENT', message: /offset/ });
    assert.throws(() => host.count(3, 'present'), { code: 'ERR_GMEM_OP', errno: 'EBADF' });
    assert.throws(() => host.count(-1, 'present'), { code: 'ERR_GMEM_ARGUMENT' });
    host.close();
    assert.throws(() => gmem.count('present'), { code: 'ERR_GMEM_CLOSED' });
  });
}

test('states: every flag is one, and each says something', () => {
  for (const state of PAGE_STATE_NAMES) {
    const { all = 0, none = 0, any = 0 }: { all?: number; none?: number; any?: number } = PAGE_STATES[state];
    assert.notEqual(all | none | any, 0, state);
    assert.equal((all | none | any) & ~PAGE_ALL_BITS, 0, state);
    assert.equal(all & none, 0, state);
  }
  // pageQuery joins the `any` of two states into one, which holds for one such state only.
  assert.equal(PAGE_STATE_NAMES.filter((state) => 'any' in PAGE_STATES[state]).length, 1);
});

test('simd: the host says which path runs, a forced one is taken, one that is not there is a clear error', () => {
  const widest = start('native');
  assert.equal(widest.host().simd, simdHere.at(-1));
  widest.close();
  for (const simd of SIMD_PATHS) {
    if (simdHere.includes(simd)) {
      const engine = start('native', { simd });
      assert.equal(engine.host().simd, simd);
      engine.close();
    } else {
      const message = new RegExp(`simd: ${simd}: this CPU does not have it; the widest here is ${simdHere.at(-1)}`);
      assert.throws(() => start('native', { simd }), { code: 'ERR_GMEM_HOST', message });
    }
  }
  for (const simd of ['sse', '', 3]) {
    const options = { policy: 'rfc-thp', memory: '2MiB', simd } as unknown as EngineOptions;
    assert.throws(() => createEngine(options), { code: 'ERR_GMEM_ARGUMENT', message: /auto, portable, avx2, avx512/ });
  }
});

test('GMEM_SIMD chooses where the option does not', () => {
  const run = (simd: string, option = '') => {
    const code = `import { createEngine } from ${JSON.stringify(LIBRARY)};
      const engine = createEngine({ policy: 'rfc-thp', memory: '2MiB'${option} });
      console.log(engine.host().simd);
      engine.close();`;
    const env = { ...process.env, GMEM_SIMD: simd };
    return spawnSync(process.execPath, ['--input-type=module', '--eval', code], { env, encoding: 'utf8' });
  };
  assert.equal(run('portable').stdout, 'portable\n');
  assert.equal(run('').stdout, `${simdHere.at(-1)}\n`);
  assert.equal(run('portable', ", simd: 'auto'").stdout, `${simdHere.at(-1)}\n`);
  assert.match(run('avx9').stderr, /GMEM_SIMD: "avx9" is not accepted.*accepted: auto, portable, avx2, avx512/);
});
