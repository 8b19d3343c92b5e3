/** What docs/formats.md promises of the ops a log event becomes: on an engine they do what the event reported. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, type Outcome } from '../../lib/index.js';
import { openInput } from '../../lib/trace/input.js';
import { scratchFile } from '../support/scratch.js';

async function replayed(file: string): Promise<{ outcomes: Outcome[]; counters: Record<string, unknown> }> {
  const { stream } = await openInput(file);
  const engine = createEngine({ engine: 'reference', policy: 'rfc-thp', arch: 'snp', memory: '2GiB' });
  try {
    const { outcomes } = await engine.run(stream, { outcomes: true });
    assert.deepEqual(engine.verify(), []);
    return {
      outcomes: Array.from(
        { length: stream.length },
        (_, i) => outcomes?.decode(i, stream.records.opName(i)) as Outcome,
      ),
      counters: engine.counters(),
    };
  } finally {
    engine.close();
  }
}

test('a memory fault of a QEMU log exits as it did, and launch pages are populated', async (context) => {
  const log = `kvm_sev_snp_launch_update src (nil) gpa 0x800000 len 0x9000 (Zero page)
kvm_sev_change_state launch-update -> running
kvm_convert_memory start 0x5000 size 0x1000 private_to_shared
kvm_memory_fault start 0x5000 size 0x1000 flags 0x8
kvm_convert_memory start 0x5000 size 0x1000 shared_to_private
`;
  const { outcomes } = await replayed(scratchFile(context, 'x.log', log));
  assert.deepEqual(outcomes.slice(2), [
    { ok: true, done: 9 },
    { ok: true },
    { ok: true, changed: 1, split: 0, merged: 0 },
    { ok: false, errno: 'EFAULT', exit: 'memory-fault' },
    { ok: true, changed: 1, split: 0, merged: 0 },
  ]);
});

test('an RMP fault of a kernel trace smashes the 2M entry as it did', async (context) => {
  const log = ` CPU 0/KVM-1 [003] 100.000100: kvm_page_fault: vcpu 0 rip 0x0 address 0x402010 error_code 0x400000006
 CPU 0/KVM-1 [003] 100.000200: kvm_rmp_fault: vcpu 0 gpa 0000000000402000 pfn 0x2 error_code 0x980000000 rmp_level 2 psmash_ret 0
`;
  const { outcomes, counters } = await replayed(scratchFile(context, 'x.txt', log));
  assert.equal(outcomes[2]?.level, '2M');
  assert.deepEqual(outcomes[3], { ok: true, code: 0 });
  assert.equal(counters.psmash, 1);
  assert.equal(counters.zaps_2m, 1);
  assert.equal(counters.faults_4k, 1);
});
