/** Comparisons as a user of the package calls them: every documented option goes through the edge and has its effect. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type CompareOptions,
  compare,
  formatJsonl,
  isRun,
  openInput,
  parseCosts,
  type ReplayOptions,
  renderReport,
  replay,
} from '../../lib/index.js';
import { guestStream, inputOf } from './streams.js';

const GIB = 2 ** 30;
const SHARED = { engine: 'native', arch: 'tdx', memoryBytes: 2 * GIB, seed: 3, vcpus: 2, samples: 5 } as const;

test('every option of compare and replay is taken', async () => {
  const seen = { progress: 0, lines: '' };
  const common = {
    ...SHARED,
    latency: false,
    costs: parseCosts('{"source": "here", "cycles": {"clear_page": 7}}'),
    signal: new AbortController().signal,
    onProgress: () => {
      seen.progress += 1;
    },
  };
  const forCompare: Required<CompareOptions> = { ...common, policies: ['rfc-thp'] };
  const forReplay: Required<ReplayOptions> = {
    ...common,
    policy: 'rfc-thp',
    verify: true,
    outcomes: (lines) => {
      seen.lines += lines;
    },
  };
  const stream = guestStream(5, 200);
  for (const document of [await compare(inputOf(stream), forCompare), await replay(inputOf(stream), forReplay)]) {
    const { arch, memory_bytes, seed, vcpus } = document.settings;
    assert.deepEqual([arch, memory_bytes, seed, vcpus], ['tdx', 2 * GIB, 3, 2]);
    assert.equal(document.cost_origin.kind, 'cost file');
    const [run] = document.results;
    assert.ok(run !== undefined && isRun(run));
    assert.ok((run.timeline?.rows.length ?? 0) <= 6);
    assert.deepEqual(run.violations, document.schema === 'gmem.replay/1' ? [] : undefined);
  }
  assert.ok(seen.progress > 0);
  assert.equal(seen.lines.split('\n').length - 1, stream.length);
  // What is documented is what there is.
  const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('## Comparing'), page.indexOf('## Calibrating'));
  const documented = [...section.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(documented.sort(), Object.keys({ ...forCompare, ...forReplay }).sort());
});

test('vcpus through the edge: what is none is refused as a GmemError', async () => {
  const input = inputOf(guestStream(5, 20));
  for (const vcpus of [0, 65, 1.5, '2', null]) {
    const options = { vcpus: vcpus as number };
    await assert.rejects(compare(input, options), { code: 'ERR_GMEM_ARGUMENT', message: /^vcpus: / });
    await assert.rejects(replay(input, { policy: 'rfc-thp', ...options }), { code: 'ERR_GMEM_ARGUMENT' });
  }
  await assert.rejects(compare(input, { vcpus: 2, engine: 'reference' }), { message: /^vcpus: 2 is not accepted/ });
  await assert.rejects(compare(input, { vcpus: 2, latency: true }), {
    message: /^latency: accepted with vcpus 1 only/,
  });
});

test('no policies are refused: they would give a document of nothing', async () => {
  const message = /^policies: none given, accepted: one or more/;
  await assert.rejects(compare(inputOf(guestStream(5, 20)), { policies: [] }), { code: 'ERR_GMEM_ARGUMENT', message });
});

test('an input of the caller needs a path, a format and a stream, and its document is one of a report', async () => {
  const stream = guestStream(5, 20);
  const document = await compare({ path: 'mine', format: 'code', stream }, { policies: ['rfc-thp'] });
  assert.equal(document.input.fitted, false);
  assert.match(renderReport('table', document), /^mine: /m);
  for (const input of [stream, {}, { path: 'mine', format: 'code', stream: null }, null, undefined, 5]) {
    await assert.rejects(compare(input as never), {
      code: 'ERR_GMEM_ARGUMENT',
      message: 'input: without ops, accepted: what openInput gives, or { path, format, stream }',
    });
  }
  for (const [key, value] of [
    ['path', undefined],
    ['format', 5],
    ['fitted', 'no'],
    ['sha256', null],
  ] as const) {
    const input = { ...inputOf(stream), [key]: value };
    await assert.rejects(compare(input as never), {
      code: 'ERR_GMEM_ARGUMENT',
      message: new RegExp(`^input\\.${key}: `),
    });
  }
});

test('the running kernel is one design: not compared, and replayed without what describes a simulated host', async () => {
  const input = inputOf(guestStream(5, 20));
  const refused = async (running: Promise<unknown>, message: RegExp): Promise<void> => {
    await assert.rejects(running, { code: 'ERR_GMEM_ARGUMENT', message });
  };
  await refused(compare(input, { engine: 'kvm' }), /^engine: kvm is one design.*accepted: native, reference; replay/);
  const costs = parseCosts('{"source": "here", "cycles": {"clear_page": 7}}');
  for (const option of [
    { policy: 'rfc-thp' },
    { arch: 'tdx' },
    { memoryBytes: GIB },
    { seed: 0 },
    { costs },
  ] as const) {
    const [key] = Object.keys(option);
    await refused(
      replay(input, { engine: 'kvm', ...option }),
      new RegExp(`^${key}: with engine kvm the running kernel decides, accepted: without$`),
    );
  }
  await assert.rejects(replay(input, { engine: 'native' }), { code: 'ERR_GMEM_POLICY' });
});

test('a policy whose name has control characters is none', async () => {
  const named = { name: 'x\u001b[31m', base: 'rfc-thp', knobs: {} } as const;
  await assert.rejects(
    compare(inputOf(guestStream(5, 20)), { policies: [named] }),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_GMEM_POLICY');
      assert.match(error.message, /^policy "x.*: name: accepted: text without control characters$/);
      return !error.message.includes('\u001b');
    },
  );
});

test('an input tells what was set in it, and a seed makes the ops of a scenario', async () => {
  const path = fileURLToPath(new URL('../../../scenarios/fine-grained.yaml', import.meta.url));
  const settings = ['phases[1].conversions=50'];
  const seeded = await openInput(path, { settings, seed: 5 });
  assert.deepEqual([seeded.set, seeded.wishes.seed], [settings, 5]);
  const bySetting = await openInput(path, { settings: [...settings, 'machine.seed=5'] });
  assert.equal(formatJsonl(seeded.stream), formatJsonl(bySetting.stream));
  assert.notEqual(formatJsonl(seeded.stream), formatJsonl((await openInput(path, { settings })).stream));
  const { input } = await compare(seeded, { policies: ['rfc-thp'] });
  assert.deepEqual(input.set, settings);
  await assert.rejects(compare({ ...inputOf(guestStream(5, 20)), set: [1 as never] }), { code: 'ERR_GMEM_ARGUMENT' });
  for (const seed of [-1, 2 ** 32, 'x' as never]) {
    await assert.rejects(openInput(path, { seed }), { code: 'ERR_GMEM_ARGUMENT' });
  }
});
