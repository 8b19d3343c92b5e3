/**
 * What the compiler promises a user: an errno exactly where an op was refused, the values an op has and no others.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, expectOk, type Outcome, type Success } from '../../lib/index.js';

test('the type of an outcome is that of its op', () => {
  using engine = createEngine({ policy: 'rfc-thp', memory: '16MiB', arch: 'snp', engine: 'reference' });
  const vm = engine.vm();
  const gmem = vm.createGmem({ size: '4MiB' });
  const bound: Outcome<'bind'> = vm.bind({ slot: 0, size: '4MiB', gmem });
  assert.ok(bound.ok);

  const refused = vm.fault({ gpa: 0, access: 'shared' });
  assert.ok(!refused.ok);
  const errno: string = refused.errno;
  assert.deepEqual([errno, refused.exit], ['EFAULT', 'memory-fault']);

  const fault = expectOk(vm.fault({ gpa: 0, access: 'private' }));
  const none: undefined = fault.errno;
  const level: string | undefined = fault.level;
  assert.deepEqual([none, level], [undefined, '2M']);
  // @ts-expect-error a fault frees nothing
  assert.equal(fault.freed, undefined);

  const punched: Success<'punch'> = expectOk(gmem.punch({ offset: 0, size: 4096 }));
  assert.deepEqual([punched.freed, punched.split], [1, 1]);
  assert.equal(expectOk(engine.apply({ op: 'convert', gpa: 0, size: 4096, to: 'shared' })).changed, 1);
  assert.equal(engine.apply([{ op: 'touch', gpa: 0 }])[0]?.ok, true);
  // @ts-expect-error a misspelt key
  assert.throws(() => engine.apply({ op: 'touch', gpa: 0, writ: true }));
  // @ts-expect-error a missing key
  assert.throws(() => engine.apply({ op: 'fault', gpa: 0 }));
  // @ts-expect-error an unknown op
  assert.throws(() => engine.apply({ op: 'tuoch', gpa: 0 }));
});
