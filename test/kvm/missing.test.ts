/** A host without what the engine needs: one line that says what, with the errno. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { hostError, type KvmCapabilities, missingReason } from '../../lib/kvm/capabilities.js';
import { ERRNOS } from '../../lib/spec/errnos.js';
import { noPlainUser, PLAIN_USER } from '../support/plain-user.js';

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

test('a plain user is told, and nothing crashes', { skip: noPlainUser() }, () => {
  const script = `import(${JSON.stringify(backend.href)}).then(({ KvmBackend }) => new KvmBackend({ residentLimitBytes: 1 }))
    .catch((error) => { console.log(error.code, error.errno, error.message); });`;
  const child = spawnSync(process.execPath, ['-e', script], PLAIN_USER);
  assert.equal(child.status, 0, child.stderr);
  assert.match(child.stdout, /^ERR_GMEM_HOST (EACCES|ENOENT) kvm engine: \/dev\/kvm: \1 /);
});
