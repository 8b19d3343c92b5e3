/**
 * The launch of a TDX guest (docs/semantics-tdx.md, section 22): from its first populated page to `finalize` no vCPU runs.
 */
import type { Vm } from './model.js';
import type { State } from './state.js';

/**
 * A vCPU of the VM is about to run, or to pre-fault. A VM whose launch has not begun is finalized by that: recorded streams
 * do not tell of launches.
 *
 * @returns false while the VM is being launched: EINVAL (tdx_vcpu_pre_run)
 */
export function mayRun(state: State, vm: Vm): boolean {
  if (state.arch !== 'tdx' || vm.finalized) return true;
  if (vm.launching) return false;
  vm.finalized = true;
  return true;
}
