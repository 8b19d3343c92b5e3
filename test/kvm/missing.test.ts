/** A host without what the engine needs: one line that says what, with the errno. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { hostError, type KvmCapabilities, missingReason } from '../../lib/kvm/capabilities.js';
import { ERRNOS } from '../../lib/spec/errnos.js';

const NOTHING: KvmCapabilities = {
  missing: null,
  errno: 0,
  apiVersion: 12,
  createFlags: 3,
  attributes: 0,
  slots: 32764,
  memoryFaultInfo: true,
  physicalBits: 52,
  vcpuErrno: 0,
  pinErrno: 0,
};

test('what is missing is named with its errno', () => {
  assert.equal(missingReason(NOTHING), undefined);
  const cases = [
    ['/dev/kvm', 'ENOENT', /^kvm engine: \/dev\/kvm: ENOENT \(KVM is not there/],
    ['/dev/kvm', 'EACCES', /^kvm engine: \/dev\/kvm: EACCES \(no permission/],
    ['KVM_CAP_GUEST_MEMFD', 'EOPNOTSUPP', /^kvm engine: KVM_CAP_GUEST_MEMFD: EOPNOTSUPP \(this kernel/],
  ] as const;
  const numbers: Readonly<Record<string, number>> = { ...ERRNOS, EACCES: 13 };
  for (const [missing, errno, message] of cases) {
    const error = hostError({ ...NOTHING, missing, errno: numbers[errno] as number });
    assert.match(error.message, message);
    assert.equal(error.code, 'ERR_GMEM_HOST');
    assert.equal(error.errno, errno);
  }
});

const backend = new URL('../../lib/kvm/backend.js', import.meta.url);
const addon = new URL('../../../build/Release/gmem.node', import.meta.url);
const PLAIN = { uid: 65534, gid: 65534, encoding: 'utf8' } as const;

/** Why no process without rights can be had here that could read this checkout; false when one can. */
function noPlainUser(): string | false {
  if (process.getuid?.() !== 0) return 'kvm engine: only root can start a process of a user without rights';
  const device = statSync('/dev/kvm', { throwIfNoEntry: false });
  if (device !== undefined && (device.mode & 0o006) !== 0) return 'kvm engine: /dev/kvm is open to every user here';
  const files = JSON.stringify([backend, addon].map((url) => fileURLToPath(url)));
  const reads = spawnSync(process.execPath, ['-e', `${files}.forEach((file) => fs.readFileSync(file))`], PLAIN);
  return reads.status === 0 ? false : 'kvm engine: a user without rights cannot read this checkout';
}

test('a plain user is told, and nothing crashes', { skip: noPlainUser() }, () => {
  const script = `import(${JSON.stringify(backend.href)}).then(({ KvmBackend }) => new KvmBackend({ residentLimitBytes: 1 }))
    .catch((error) => { console.log(error.code, error.errno, error.message); });`;
  const child = spawnSync(process.execPath, ['-e', script], PLAIN);
  assert.equal(child.status, 0, child.stderr);
  assert.match(child.stdout, /^ERR_GMEM_HOST (EACCES|ENOENT) kvm engine: \/dev\/kvm: \1 /);
});
