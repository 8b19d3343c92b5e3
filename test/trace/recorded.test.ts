/** The bundled recording: every form of it says the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decodeOp } from '../../lib/ops/encode.js';
import { formatJsonl } from '../../lib/ops/jsonl.js';
import type { OpStream } from '../../lib/ops/stream.js';
import { openInput } from '../../lib/trace/input.js';
import { writeStream } from '../../lib/trace/output.js';
import { summarise } from '../../lib/trace/summary.js';
import { bundled, scratchDirectory } from '../support/scratch.js';

interface Conversion {
  gpa: number;
  size: number;
  to: string;
  t: number;
}

/** Conversions of a stream, times counted from the first of them. */
function conversions(stream: OpStream): Conversion[] {
  const found: Conversion[] = [];
  for (let i = 0; i < stream.length; i += 1) {
    const op = decodeOp(stream, i) as unknown as Conversion & { op: string };
    if (op.op === 'convert') found.push({ gpa: op.gpa, size: op.size, to: op.to, t: op.t });
  }
  const first = found[0]?.t ?? 0;
  return found.map((conversion) => ({ ...conversion, t: conversion.t - first }));
}

test('the op stream reads, and says what its description says', async () => {
  const input = await openInput(bundled('boot2g.jsonl.gz'));
  assert.deepEqual(
    { ...input, ops: input.ops.length, path: '', description: '' },
    {
      path: '',
      format: 'jsonl',
      description: '',
      gzip: true,
      ops: 251_888,
      set: [],
      wishes: {},
      fitted: false,
      guestBytes: 2560 * 2 ** 20,
      extent: {
        ops: { create: 1, bind: 1, convert: 556, touch: 251_330 },
        vms: [0],
        gmems: [0],
        gpaStart: 0,
        gpaEnd: 2_684_354_560,
        offsetEnd: 0,
        boundBytes: 2_684_354_560,
        fileBytes: 2_684_354_560,
      },
    },
  );
  assert.match(summarise(input), /^ops {8}251888 \(create 1, bind 1, convert 556, touch 251330\)$/m);
  assert.match(summarise(input), /^memory {5}2\.50 GiB$/m);
});

test('written again it is the same file, but for the size 4096 that a touch need not name', async () => {
  const { stream } = await openInput(bundled('boot2g.jsonl.gz'));
  const recorded = gunzipSync(readFileSync(bundled('boot2g.jsonl.gz'))).toString();
  const canonical = recorded.replace(/^(\{"op":"touch".*),"size":4096/gm, '$1');
  assert.notEqual(canonical, recorded);
  assert.ok(formatJsonl(stream) === canonical);
});

test('every form written reads back as the same stream', async (context) => {
  const { stream } = await openInput(bundled('boot2g.jsonl.gz'));
  const text = formatJsonl(stream);
  const directory = scratchDirectory(context);
  for (const name of ['a.jsonl', 'a.jsonl.gz', 'a.gmt']) {
    const file = path.join(directory, name);
    await writeStream(stream, file);
    const again = await openInput(file);
    assert.equal(again.format, name === 'a.gmt' ? 'gmt' : 'jsonl');
    assert.ok(formatJsonl(again.stream) === text, name);
  }
});

test('the QEMU log has exactly the conversions of the op stream', async () => {
  const recorded = conversions((await openInput(bundled('boot2g.jsonl.gz'))).stream);
  const log = await openInput(bundled('boot2g.qemu.log'));
  assert.equal(log.format, 'qemu');
  assert.equal(recorded.length, 556);
  assert.deepEqual(conversions(log.stream), recorded);
  assert.equal(log.fitted, true);
  assert.equal(log.stream.length, 558);
  assert.deepEqual(decodeOp(log.stream, 0), { op: 'create', gmem: 0, vm: 0, size: 3 * 2 ** 30, flags: [] });
});

test('the log cut into exits converts the same pages the same way', async () => {
  const pages = (all: Conversion[]): string[] =>
    all.flatMap(({ gpa, size, to }) => Array.from({ length: size / 4096 }, (_, i) => `${gpa / 4096 + i} ${to}`));
  const whole = conversions((await openInput(bundled('boot2g.qemu.log'))).stream);
  const cut = conversions((await openInput(bundled('boot2g.psc253.qemu.log'))).stream);
  assert.equal(cut.length, 1328);
  assert.ok(cut.every(({ size }) => size <= 253 * 4096));
  assert.deepEqual(pages(cut), pages(whole));
});
