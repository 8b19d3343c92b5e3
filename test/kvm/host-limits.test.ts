/** The table of what depends on the host and not on the model. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { dependsOnHost } from '../../lib/conform/host.js';
import { blankFields, type RecordFields } from '../../lib/ops/records.js';
import { OP_KIND, type OpName } from '../../lib/spec/ops.js';

const HERE = { physicalBits: 52, createFlags: 3 };

function fields(name: OpName, rest: Partial<RecordFields>): RecordFields {
  return { ...blankFields(), ...rest, kind: OP_KIND[name] };
}

test('addresses above the host’s limit are not compared, and only there', () => {
  const narrow = { ...HERE, physicalBits: 46 };
  for (const name of ['bind', 'touch', 'fault', 'guest-write', 'vmm-read'] as const) {
    assert.equal(dependsOnHost(fields(name, { address: 2 ** 46 - 4096, size: 8192 }), narrow), true, name);
    assert.equal(dependsOnHost(fields(name, { address: 2 ** 46 - 4096, size: 4096 }), narrow), false, name);
    assert.equal(dependsOnHost(fields(name, { address: 2 ** 52, size: 4096 }), HERE), false, name);
  }
  assert.equal(dependsOnHost(fields('punch', { address: 2 ** 52, size: 4096 }), narrow), false);
});

test('flags one kernel knows and another does not are not compared', () => {
  const create = (extra: number) => fields('create', { size: 4096, extra });
  assert.equal(dependsOnHost(create(4), HERE), false);
  assert.equal(dependsOnHost(create(4), { ...HERE, createFlags: 7 }), true);
  assert.equal(dependsOnHost(create(8), { ...HERE, createFlags: 7 }), false);
  assert.equal(dependsOnHost(create(-1), { ...HERE, createFlags: 7 }), true);
  assert.equal(dependsOnHost(create(3), { ...HERE, createFlags: 0 }), true);
  assert.equal(dependsOnHost(create(0), { ...HERE, createFlags: 0 }), false);
});
