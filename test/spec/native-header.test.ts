import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { camel, nativeHeader, snake } from '../../lib/spec/native-header.js';

const TOOL = fileURLToPath(new URL('../../lib/spec/native-header.js', import.meta.url));

test('names become constants of the C++ side', () => {
  assert.equal(camel('guest-write'), 'GuestWrite');
  assert.equal(camel('faults_4k'), 'Faults4k');
  assert.equal(camel('vmmPunch'), 'VmmPunch');
  assert.equal(snake('vmmPunch'), 'vmm_punch');
});

test('the header holds the tables', () => {
  const header = nativeHeader();
  for (const line of [
    'enum class OpKind : uint8_t {\n  kCreate,\n  kBind,\n',
    'static_assert(sizeof(OpRecord) == 40);',
    'inline constexpr int kPunchFreed = 0;',
    '  kEHWPOISON = 133,',
    'enum class Hugepages : uint8_t {\n  kOff,\n  k2M,\n  k1G,\n};',
    '  out.keep_shared = positions[7] == 1;',
    'inline constexpr uint32_t kNoPfn = 0xffffffff;',
    'inline constexpr uint32_t kPageBitRmpImmutable = 32768;',
  ]) {
    assert.ok(header.includes(line), line);
  }
});

test('the tool writes the header, and leaves one that is current alone', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gmem-header-'));
  const file = path.join(folder, 'deeper', 'spec.gen.h');
  const write = (...args: string[]) => spawnSync(process.execPath, [TOOL, ...args], { encoding: 'utf8' });
  assert.equal(write(file).status, 0);
  assert.equal(readFileSync(file, 'utf8'), nativeHeader());
  utimesSync(file, 1, 1);
  assert.equal(write(file).status, 0);
  assert.equal(statSync(file).mtimeMs, 1000);
  assert.equal(write().status, 2);
  rmSync(folder, { recursive: true });
});
