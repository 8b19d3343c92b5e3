/**
 * The counters of both engines against recounts that share no code with them, for every preset: on streams of a random guest,
 * and on the bundled recording.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../lib/compare/compare.js';
import { isRun } from '../../lib/compare/results.js';
import { createBackend, resolveOptions } from '../../lib/engine/create.js';
import type { OpSource } from '../../lib/ops/source.js';
import { PRESET_NAMES, PRESETS, type PresetName } from '../../lib/policy/presets.js';
import { COUNTER_NAMES } from '../../lib/spec/counters.js';
import { NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';
import { openInput } from '../../lib/trace/input.js';
import { bundled } from '../support/scratch.js';
import { Recount, recounts } from './recount.js';
import { RecountInPlace } from './recount-in-place.js';
import { guestStream, hugeGuestStream, inputOf } from './streams.js';

const ENGINES = ['native', 'reference'] as const;
type Engine = (typeof ENGINES)[number];

const DISCARD = PRESET_NAMES.filter((name) => recounts(PRESETS[name].knobs));
const IN_PLACE = PRESET_NAMES.filter((name) => PRESETS[name].knobs.conversion === 'in-place');
const BUDDY = IN_PLACE.filter((name) => PRESETS[name].knobs.source === 'buddy');
const POOL_2M = IN_PLACE.filter((name) => PRESETS[name].knobs.source === 'pool' && !isGiant(name));
const POOL_1G = IN_PLACE.filter(isGiant);

function isGiant(name: PresetName): boolean {
  return PRESETS[name].knobs.hugepages === '1G';
}

function recountOf(policy: PresetName): Recount | RecountInPlace {
  const { knobs } = PRESETS[policy];
  return recounts(knobs) ? new Recount(knobs) : new RecountInPlace(knobs);
}

test('every preset is recounted', () => {
  assert.deepEqual([...DISCARD, ...BUDDY, ...POOL_2M, ...POOL_1G].sort(), [...PRESET_NAMES].sort());
});

/** Counters the recounts do not keep: they need the allocator or are derived elsewhere. */
const NOT_RECOUNTED = new Set(['stranded_pages_end', 'metadata_bytes_modelled_peak', 'metadata_bytes_modelled_end']);
/** The recount by discard does not keep which ranges were split. */
const NOT_BY_DISCARD = new Set(['split_distinct_2m']);

async function check(stream: OpSource, engine: Engine, policies: readonly PresetName[]): Promise<void> {
  const document = await compare(inputOf(stream), { policies, engine, samples: 0 });
  assert.equal(document.results.length, policies.length);
  for (const result of document.results) {
    const policy = result.policy as PresetName;
    assert.ok(isRun(result), `${policy} did not run`);
    const recount = recountOf(policy);
    const own = recount.run(stream);
    for (const name of COUNTER_NAMES) {
      if (NOT_RECOUNTED.has(name) || (recounts(PRESETS[policy].knobs) && NOT_BY_DISCARD.has(name))) continue;
      assert.equal(result.counters[name], own[name] ?? 0, `${engine}, ${policy}: ${name}`);
    }
    assert.deepEqual(result.counters.errors, recount.errors, `${engine}, ${policy}: ops that fail`);
  }
}

test('native: folio counters equal a naive recount of the bundled recording', async () => {
  const { ops } = await openInput(bundled('boot2g.jsonl.gz'));
  // 2.5 GiB are no whole number of 1G pages.
  await check(ops, 'native', [...DISCARD, ...BUDDY, ...POOL_2M]);
});

for (const engine of ENGINES) {
  test(`${engine}: folio counters equal a naive recount of the stream, by discard and with buddy folios in place`, async () => {
    for (let seed = 1; seed <= 12; seed += 1) await check(guestStream(seed, 150), engine, [...DISCARD, ...BUDDY]);
  });

  test(`${engine}: folio counters equal a naive recount of the stream, with a pool of 2M`, async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      await check(hugeGuestStream(seed, 300, 8 * 512), engine, [...POOL_2M, ...BUDDY]);
    }
  });

  test(`${engine}: folio counters equal a naive recount of the stream, with a pool of 1G`, async () => {
    for (let seed = 1; seed <= 2; seed += 1) await check(hugeGuestStream(seed, 150, 2 ** 18), engine, POOL_1G);
  });

  test(`${engine}: page views equal the recount's pages`, () => {
    for (const policy of PRESET_NAMES) {
      const stream = isGiant(policy) ? hugeGuestStream(99, 100, 2 ** 18) : hugeGuestStream(99, 200, 8 * 512);
      const recount = recountOf(policy);
      recount.run(stream);
      const memory = isGiant(policy) ? '4GiB' : '1GiB';
      const { backend: options } = resolveOptions({ policy, engine, arch: 'snp', memory, contents: false });
      const backend = createBackend(engine, options);
      backend.run(stream.records.bytes, 0, stream.length, null);
      // The first 16M of a 1G page: where the guest mostly is.
      const pages = Math.min(backend.fileSize(0) / 4096, 4096);
      const view = new Uint32Array(pages * PAGE_VIEW_WORDS);
      assert.ok(backend.pageView(0, 0, pages, view));
      for (let i = 0; i < pages; i += 1) {
        const at = i * PAGE_VIEW_WORDS;
        const bits = view[at + PAGE_VIEW.bits] as number;
        const expected = recount.page(i);
        const seen = {
          present: (bits & PAGE_BIT.present) !== 0,
          folio2m: (bits & PAGE_BIT.folio2m) !== 0,
          folio1g: (bits & PAGE_BIT.folio1g) !== 0,
          copy: view[at + PAGE_VIEW.sharedPfn] !== NO_PFN,
          copy2m: (bits & PAGE_BIT.sharedCopy2m) !== 0,
          rmp: (bits & PAGE_BIT.rmpAssigned) !== 0,
          rmp2m: (bits & PAGE_BIT.rmp2m) !== 0,
        };
        const none = { folio1g: false, copy: false, copy2m: false };
        assert.deepEqual(seen, { ...none, ...expected }, `${engine}, ${policy}: page ${i}`);
      }
      backend.close();
    }
  });
}
