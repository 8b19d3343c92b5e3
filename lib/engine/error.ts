/**
 * The one error class of the package. Misuse and broken state throw it; what the modelled kernel refuses is an outcome
 * with an errno, and becomes this error only in the convenience methods that promise success.
 */
import type { Errno } from '../spec/errnos.js';
import type { OpName } from '../spec/ops.js';

export type GmemErrorCode =
  /** The modelled kernel refused the op; `errno` and `op` say how and which. */
  | 'ERR_GMEM_OP'
  /** An argument of the wrong type or range. */
  | 'ERR_GMEM_ARGUMENT'
  /** Unknown policy, knob or value, or a policy the engine cannot run. */
  | 'ERR_GMEM_POLICY'
  /** Bad input file; `problems` lists every one. */
  | 'ERR_GMEM_INPUT'
  /** The engine was closed. */
  | 'ERR_GMEM_CLOSED'
  /** The engine is in the middle of an asynchronous run. */
  | 'ERR_GMEM_BUSY'
  /** The native addon could not be loaded. */
  | 'ERR_GMEM_ADDON'
  /** The running kernel or machine lacks what was asked for. */
  | 'ERR_GMEM_HOST'
  /** A run was interrupted by its AbortSignal. */
  | 'ERR_GMEM_ABORTED';

export class GmemError extends Error {
  readonly code: GmemErrorCode;
  readonly errno: Errno | `E${number}` | undefined;
  readonly op: OpName | undefined;
  /** For `ERR_GMEM_INPUT`: one `file:line:column: key: what is wrong` line each. */
  readonly problems: readonly string[];

  constructor(
    code: GmemErrorCode,
    message: string,
    details: {
      errno?: Errno | `E${number}`;
      op?: OpName;
      problems?: readonly string[];
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'GmemError';
    this.code = code;
    this.errno = details.errno;
    this.op = details.op;
    this.problems = details.problems ?? [];
  }
}
