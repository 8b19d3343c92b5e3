/**
 * verify() finds each kind of broken state: every case corrupts one thing in a healthy engine and expects it named.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { verify } from '../../lib/reference/verify/verify.js';
import { DESIGN_CORRUPTIONS, partsOf } from '../support/corruptions-designs.js';
import { GUEST_CORRUPTIONS } from '../support/corruptions-guest.js';
import { MEMORY_CORRUPTIONS } from '../support/corruptions-memory.js';
import { TDX_CORRUPTIONS } from '../support/corruptions-tdx.js';
import { parts } from '../support/healthy.js';

describe('reference verify', () => {
  for (const [name, arch, expected, corrupt] of [...MEMORY_CORRUPTIONS, ...GUEST_CORRUPTIONS]) {
    test(`finds ${name}`, () => {
      const found = parts(arch);
      corrupt(found);
      assert.match(verify(found.state).join('\n'), expected);
    });
  }

  for (const corruption of [...DESIGN_CORRUPTIONS, ...TDX_CORRUPTIONS]) {
    test(`finds ${corruption.name} (designs)`, () => {
      const found = partsOf(corruption);
      assert.deepEqual(verify(found.state), []);
      corruption.corrupt(found);
      assert.match(verify(found.state).join('\n'), corruption.expected);
    });
  }
});
