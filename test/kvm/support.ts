/**
 * What the tests of the kvm engine share: whether it can run here, and short ways to ask it.
 *
 * Where it cannot, the tests are skipped with the reason and the errno, on stderr too; with GMEM_REQUIRE_KVM=1 that is a
 * failure instead.
 */
import { KvmBackend } from '../../lib/kvm/backend.js';
import { kvmCapabilities, missingReason } from '../../lib/kvm/capabilities.js';
import { OpBuilder, type OpInput } from '../../lib/ops/builder.js';
import { type Outcome, OutcomeRecords } from '../../lib/ops/outcomes.js';

export const PAGE = 4096;
export const RESIDENT_LIMIT_BYTES = 2 ** 30;

const capabilities = kvmCapabilities();

/** For the `skip` option of a test: false, or why. */
export const SKIP: string | false = reasonToSkip();
/** As SKIP, and false only where a vCPU was seen to reach gmem. */
export const SKIP_VCPU: string | false =
  SKIP === false && capabilities.vcpuErrno !== 0
    ? loud(`kvm engine: no vCPU reaches gmem here: errno ${capabilities.vcpuErrno}`)
    : SKIP;
/** As SKIP, and false only where references to pages can be taken. */
export const SKIP_PINS: string | false =
  SKIP === false && capabilities.pinErrno !== 0
    ? loud(`kvm engine: io_uring takes no references here: errno ${capabilities.pinErrno}`)
    : SKIP;

function reasonToSkip(): string | false {
  const reason = missingReason(capabilities);
  return reason === undefined ? false : loud(reason);
}

function loud(reason: string): string {
  if (process.env.GMEM_REQUIRE_KVM === '1') throw new Error(`GMEM_REQUIRE_KVM=1, but ${reason}`);
  process.stderr.write(`SKIPPED: ${reason}\n`);
  return reason;
}

/** Starts an engine, runs `use`, closes it whatever happens. */
export function withKernel<T>(use: (kernel: KvmBackend) => T, residentLimitBytes = RESIDENT_LIMIT_BYTES): T {
  const kernel = new KvmBackend({ residentLimitBytes });
  try {
    return use(kernel);
  } finally {
    kernel.close();
  }
}

/** Runs ops in one batch. */
export function ask(kernel: KvmBackend, ...ops: OpInput[]): Outcome[] {
  const builder = new OpBuilder();
  for (const op of ops) builder.push(op);
  const { records } = builder.stream;
  const outcomes = new OutcomeRecords(ops.length);
  kernel.run(records.bytes, 0, ops.length, outcomes.bytes);
  return ops.map((op, i) => outcomes.decode(i, op.op));
}

/** Runs one op. */
export function ask1(kernel: KvmBackend, op: OpInput): Outcome {
  return ask(kernel, op)[0] as Outcome;
}
