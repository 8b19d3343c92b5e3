/**
 * Every export, called with what no caller should give it: an engine never crashes, never hangs, never throws anything but
 * the one error class, and still works afterwards.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as api from '../../lib/index.js';
import { ENGINES, start, startBound } from './engines.js';
import { HOSTILE } from './hostile-values.js';

/** Calls, and wants a value or a GmemError. */
function survives(what: string, call: () => unknown): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(() => {});
  } catch (error) {
    assert.ok(error instanceof api.GmemError, `${what}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

function methods(value: object): string[] {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(value)).filter(
    (name) => name !== 'constructor' && typeof (value as Record<string, unknown>)[name] === 'function',
  );
}

test('engine options', () => {
  const good: Record<string, unknown> = { policy: 'rfc-thp', memory: '4MiB', engine: 'reference' };
  for (const value of HOSTILE) {
    survives('createEngine', () => api.createEngine(value as never).close());
    for (const key of ['policy', 'memory', 'engine', 'arch', 'seed', 'contents', 'residentLimit', 'nonsense']) {
      survives(`createEngine ${key}`, () => api.createEngine({ ...good, [key]: value } as never).close());
    }
    survives('resolvePolicy', () => api.resolvePolicy(value as never));
    for (const key of ['name', 'base', 'knobs', 'nonsense']) {
      survives(`resolvePolicy ${key}`, () => api.resolvePolicy({ name: 'mine', knobs: {}, [key]: value } as never));
    }
    for (const knob of api.KNOB_NAMES) {
      survives(`knob ${knob}`, () => api.resolvePolicy({ name: 'mine', knobs: { [knob]: value } } as never));
    }
    survives('expectOk', () => api.expectOk(value as never));
  }
});

test('options say what they accept', () => {
  const refuse = (options: unknown, code: string, message: RegExp) =>
    assert.throws(() => api.createEngine(options as never), { name: 'GmemError', code, message });
  const good = { policy: 'rfc-thp', memory: '4MiB', engine: 'reference' };
  refuse({ ...good, polcy: 1 }, 'ERR_GMEM_ARGUMENT', /unknown key "polcy", did you mean "policy"\?/);
  refuse({ ...good, memory: '1MiB' }, 'ERR_GMEM_ARGUMENT', /^memory: 1 MiB is not accepted, accepted: 2 MiB to/);
  refuse({ ...good, memory: '64TiB' }, 'ERR_GMEM_ARGUMENT', /^memory: 64 TiB is not accepted/);
  refuse({ ...good, memory: 'lots' }, 'ERR_GMEM_ARGUMENT', /^memory: "lots" is not accepted/);
  refuse(
    { ...good, seed: -1 },
    'ERR_GMEM_ARGUMENT',
    /^seed: -1 is not accepted, accepted: an integer from 0 to 4294967295/,
  );
  refuse({ ...good, engine: 'nativ' }, 'ERR_GMEM_ARGUMENT', /did you mean "native"\?/);
  refuse(
    { ...good, policy: 'rfc-tph' },
    'ERR_GMEM_POLICY',
    /^unknown policy "rfc-tph", did you mean "rfc-thp"\?, accepted: base-bitmap/,
  );
  refuse({ policy: 'rfc-thp' }, 'ERR_GMEM_ARGUMENT', /^memory: missing/);
  refuse({ ...good, policy: { name: 'x', knobs: {}, bse: 'rfc-thp' } }, 'ERR_GMEM_POLICY', /unknown key "bse"/);
});

for (const kind of ENGINES) {
  test(`${kind}: every method of engine, VM, file and page view`, { timeout: 120_000 }, () => {
    for (const value of HOSTILE) {
      const { host, vm, gmem } = startBound(kind, { memory: '16MiB' });
      const view = gmem.pages(0, 4);
      const targets: [string, object][] = [
        ['engine', host],
        ['vm', vm],
        ['gmem', gmem],
        ['view', view],
        ['stepper', host.stepper()],
      ];
      for (const [name, target] of targets) {
        for (const method of methods(target)) {
          if (target === host && (method === 'close' || method === 'run')) continue;
          const call = (...args: unknown[]) =>
            survives(`${name}.${method}`, () =>
              (target as Record<string, (...a: unknown[]) => unknown>)[method]?.(...args),
            );
          call(value);
          call(value, value);
          call(0, value);
          call(0, 0, value);
          for (let i = 0; i < 9; i += 1) call(...Array.from({ length: 9 }, (_, at) => (at === i ? value : 0)));
          call({ gpa: value, size: value, offset: value, access: value, to: value, byte: value, order: value });
          call({ gpa: value, size: 4096 });
          call({ offset: value, size: 4096 });
          call({ op: value });
        }
      }
      for (const op of api.OP_NAMES) {
        for (const key of [...Object.keys(api.OPS[op]), 't', 'nonsense']) {
          survives(`apply ${op} ${key}`, () =>
            host.apply({ op, size: 4096, gpa: 0, offset: 0, [key]: value } as never),
          );
        }
      }
      assert.deepEqual(host.verify(), []);
      host.close();
    }
  });

  test(`${kind}: absurd quantities are legal ops`, () => {
    const { host } = startBound(kind, { memory: '16MiB' });
    const absurd = [0, 1, -1, 4095, 4096, -4096, 2 ** 31, 2 ** 32, 2 ** 43, 2 ** 52, Number.MAX_SAFE_INTEGER];
    absurd.push(-Number.MAX_SAFE_INTEGER);
    for (const op of api.OP_NAMES) {
      if (op === 'pressure') continue;
      const quantities = Object.entries(api.OPS[op] as Record<string, { type: string }>)
        .filter(([, spec]) => spec.type === 'quantity')
        .map(([key]) => key);
      const rest = { access: 'private', to: 'shared', byte: 1, order: 0, slot: 1, key: 'hugepages', value: 'off' };
      const keys = Object.keys(api.OPS[op]);
      const others = Object.fromEntries(Object.entries(rest).filter(([key]) => keys.includes(key)));
      for (const a of absurd) {
        for (const b of absurd) {
          // Sizes that are legal and huge would be walked page by page.
          if (quantities.includes('size') && b > 2 ** 32) continue;
          const given = Object.fromEntries(quantities.map((key) => [key, key === 'size' ? b : a]));
          const outcome: api.Outcome = host.apply({ op, ...others, ...given } as never);
          assert.equal(typeof outcome.ok, 'boolean');
          if (!outcome.ok) assert.match(String(outcome.errno), /^E[A-Z]+$/);
        }
      }
    }
    assert.deepEqual(host.verify(), []);
    host.close();
  });

  test(`${kind}: run options`, async () => {
    const host = start(kind);
    for (const value of HOSTILE) {
      for (const options of [
        value,
        { signal: value },
        { onProgress: value },
        { outcomes: value },
        { nonsense: value },
      ]) {
        await host.run(value as never, options as never).catch((error: unknown) => {
          assert.ok(error instanceof api.GmemError || typeof value === 'function', String(error));
        });
      }
    }
    assert.deepEqual(host.verify(), []);
    host.close();
  });
}

test('handles of one engine are refused by another', () => {
  const one = startBound('reference');
  const other = startBound('reference');
  assert.throws(() => other.host.pages(one.gmem), { code: 'ERR_GMEM_ARGUMENT' });
  assert.throws(() => other.vm.bind({ slot: 3, gpa: 0, size: 4096, gmem: one.gmem }), { code: 'ERR_GMEM_ARGUMENT' });
  assert.throws(() => other.vm.touch({ gpa: 0, vm: 3 } as never), {
    code: 'ERR_GMEM_ARGUMENT',
    message: /unknown key "vm"/,
  });
  one.host.close();
  other.host.close();
});

test('records and outcomes', () => {
  const records = new api.OpBuilder().push({ op: 'close' }).stream.records;
  const outcomes = new api.OutcomeRecords(1);
  for (const value of HOSTILE) {
    survives('OpRecords', () => new api.OpRecords(value as never));
    survives('OpRecords.from', () => api.OpRecords.from(value as never));
    for (const name of ['read', 'reserve', 'appendAll', 'kind', 'opName'] as const) {
      survives(`OpRecords ${name}`, () => records[name](value as never));
    }
    survives('OpRecords read into', () => records.read(0, value as never));
    survives('OpRecords.over', () => api.OpRecords.over(value as never));
    survives('OutcomeRecords', () => new api.OutcomeRecords(value as never));
    survives('OutcomeRecords', () => new api.OutcomeRecords(1, value as never));
    survives('OutcomeRecords decode', () => outcomes.decode(value as never, 'touch'));
    survives('OutcomeRecords decode', () => outcomes.decode(0, value as never));
    for (const name of ['errno', 'exit', 'has'] as const) {
      survives(`OutcomeRecords ${name}`, () => outcomes[name](value as never));
    }
    survives('OutcomeRecords value', () => outcomes.value(value as never, 0));
    survives('OutcomeRecords value', () => outcomes.value(0, value as never));
    survives('OutcomeRecords write', () => outcomes.write(value as never, 0, 0, 0, []));
    survives('OpBuilder', () => new api.OpBuilder().push(value as never));
    survives('OpBuilder', () => new api.OpBuilder(value as never).push({ op: 'close' }));
    survives('OpStream', () => new api.OpStream(value as never).length);
    survives('OpStream setTime', () => new api.OpStream().setTime(value as never, 1));
    survives('OpStream setTime', () => new api.OpStream().setTime(0, value as never));
    survives('PageView', () => [...new api.PageView(value as never, value as never)]);
    survives('PageView', () => [...new api.PageView(0, value as never)]);
  }
  assert.deepEqual([records.length, records.opName(0), outcomes.decode(0, 'close')], [1, 'close', { ok: true }]);
  for (const value of [Symbol('a'), 7n]) {
    assert.throws(() => records.append(0, 0, 0, 0, 0, 0, 0, value as never, 0), { code: 'ERR_GMEM_ARGUMENT' });
    assert.throws(() => records.appendFields(value as never), { code: 'ERR_GMEM_ARGUMENT' });
  }
  assert.throws(() => records.appendFields(undefined as never), {
    code: 'ERR_GMEM_ARGUMENT',
    message: /accepted: an object/,
  });
  assert.equal(records.length, 1);
  // Another thread could change a record between two looks at it.
  const shared = new Uint8Array(new SharedArrayBuffer(4096));
  assert.throws(() => api.OpRecords.over(shared), {
    code: 'ERR_GMEM_ARGUMENT',
    message: /a Uint8Array of an ArrayBuffer/,
  });
  assert.throws(() => new api.OutcomeRecords(1, shared), { code: 'ERR_GMEM_ARGUMENT' });
  const stream = new api.OpBuilder().push({ op: 'close', t: 3 }).stream;
  for (const i of [-1, 1, 0.5, null, undefined, 'x', '0', 10n, Symbol('i')] as never[]) {
    const calls = [
      () => records.read(i),
      () => records.kind(i),
      () => records.opName(i),
      () => outcomes.decode(i, 'close'),
      () => outcomes.errno(i),
      () => outcomes.exit(i),
      () => outcomes.has(i),
      () => outcomes.value(i, 0),
      () => outcomes.write(i, 0, 0, 0, []),
    ];
    // A stream may have times of ops that are still to come.
    if (i !== 1) calls.push(() => stream.setTime(i, 5));
    for (const call of calls) assert.throws(call, { code: 'ERR_GMEM_ARGUMENT' }, `${call} ${String(i)}`);
  }
  assert.deepEqual([outcomes.errno(0), outcomes.exit(0), outcomes.has(0), outcomes.value(0, 3)], [0, 'none', 0, 0]);
  assert.throws(() => outcomes.value(0, 4), {
    code: 'ERR_GMEM_ARGUMENT',
    message: /^position: got 4, accepted: 0 to 3/,
  });
  for (const into of [1, null, 'x', Object.freeze({})] as never[]) {
    assert.throws(() => records.read(0, into), { code: 'ERR_GMEM_ARGUMENT', message: /^into: accepted: an object/ });
  }
  assert.throws(() => stream.setTime(0, Symbol('t') as never), {
    code: 'ERR_GMEM_ARGUMENT',
    message: /^microseconds: /,
  });
  assert.deepEqual([stream.time(0), Object.keys(stream.times ?? {}).includes('-1')], [3, false]);
  // Documented: an append takes numbers as typed arrays do.
  const { kind, vm } = records.read(records.append(300, 0, 0, -1, 0, 0, 0, 0, 0));
  assert.deepEqual([kind, vm], [44, 4294967295]);
});

test('streams, files and comparisons', async () => {
  const input = { stream: new api.OpStream(), path: 'x', format: 'jsonl', fitted: false };
  const functions = {
    compare: api.compare,
    replay: api.replay,
    openInput: api.openInput,
    writeStream: api.writeStream,
    parseJsonl: api.parseJsonl,
    formatJsonl: api.formatJsonl,
    parsePacked: api.parsePacked,
    formatPacked: api.formatPacked,
    renderReport: api.renderReport,
    formatCalibration: api.formatCalibration,
    parseCosts: api.parseCosts,
  };
  for (const [name, call] of Object.entries(functions)) {
    for (const value of HOSTILE) {
      const lists: unknown[][] = [
        [value],
        [value, value],
        [input, value],
        [{ ...input, stream: value }],
        ['table', value],
      ];
      if (name === 'compare')
        for (const key of ['policies', 'seed', 'memoryBytes', 'arch', 'costs']) lists.push([input, { [key]: value }]);
      // No hostile value is a path that could be written.
      if (name === 'writeStream') lists.splice(2, 1);
      for (const args of lists) {
        try {
          await (call as (...a: unknown[]) => unknown)(...args);
        } catch (error) {
          assert.ok(error instanceof api.GmemError, `${name}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
    }
  }
});
