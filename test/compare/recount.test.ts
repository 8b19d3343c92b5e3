/**
 * The counters of both engines against a recount that shares no code with them, for every preset it knows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../lib/compare/compare.js';
import { isRun } from '../../lib/compare/results.js';
import { createBackend, resolveOptions } from '../../lib/engine/create.js';
import type { OpStream } from '../../lib/ops/stream.js';
import { PRESET_NAMES, PRESETS } from '../../lib/policy/presets.js';
import { COUNTER_NAMES } from '../../lib/spec/counters.js';
import { NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';
import { Recount, recounts } from './recount.js';
import { guestStream, inputOf } from './streams.js';

const ENGINES = ['native', 'reference'] as const;
type Engine = (typeof ENGINES)[number];

const POLICIES = PRESET_NAMES.filter((name) => recounts(PRESETS[name].knobs));

test('the recount knows the designs that convert by discard', () => {
  const known = ['base-bitmap', 'mainline-6.18', 'mainline-next', 'rfc-thp', 'vmm-aligned', 'private-thp-shared-4k'];
  assert.deepEqual(POLICIES, [...known, 'vfio-pinned']);
});

/** Counters the recount does not keep: they need the allocator or are derived elsewhere. */
const NOT_RECOUNTED = new Set(['stranded_pages_end', 'metadata_bytes_modelled_peak', 'split_distinct_2m']);

async function check(stream: OpStream, engine: Engine): Promise<void> {
  const document = await compare(inputOf(stream), { policies: POLICIES, engine, samples: 0 });
  assert.equal(document.results.length, POLICIES.length);
  for (const result of document.results) {
    assert.ok(isRun(result));
    const own = new Recount(PRESETS[result.policy as keyof typeof PRESETS].knobs).run(stream);
    for (const name of COUNTER_NAMES) {
      if (NOT_RECOUNTED.has(name)) continue;
      assert.equal(result.counters[name], own[name] ?? 0, `${engine}, ${result.policy}: ${name}`);
    }
    assert.deepEqual(result.counters.errors, {}, `${engine}, ${result.policy}: no op fails`);
  }
}

for (const engine of ENGINES) {
  test(`${engine}: folio counters equal a naive recount of the stream`, async () => {
    for (let seed = 1; seed <= 12; seed += 1) await check(guestStream(seed, 150), engine);
  });

  test(`${engine}: page views equal the recount's pages`, () => {
    for (const policy of POLICIES) {
      const stream = guestStream(99, 200);
      const recount = new Recount(PRESETS[policy].knobs);
      recount.run(stream);
      const { backend: options } = resolveOptions({ policy, engine, arch: 'snp', memory: '1GiB', contents: false });
      const backend = createBackend(engine, options);
      backend.run(stream.records.bytes, 0, stream.length, null);
      const pages = backend.fileSize(0) / 4096;
      const view = new Uint32Array(pages * PAGE_VIEW_WORDS);
      assert.ok(backend.pageView(0, 0, pages, view));
      for (let i = 0; i < pages; i += 1) {
        const at = i * PAGE_VIEW_WORDS;
        const bits = view[at + PAGE_VIEW.bits] as number;
        const seen = {
          present: (bits & PAGE_BIT.present) !== 0,
          folio2m: (bits & PAGE_BIT.folio2m) !== 0,
          copy: view[at + PAGE_VIEW.sharedPfn] !== NO_PFN,
          copy2m: (bits & PAGE_BIT.sharedCopy2m) !== 0,
          rmp: (bits & PAGE_BIT.rmpAssigned) !== 0,
          rmp2m: (bits & PAGE_BIT.rmp2m) !== 0,
        };
        assert.deepEqual(seen, recount.page(i), `${engine}, ${policy}: page ${i}`);
      }
      backend.close();
    }
  });
}
