/**
 * The queue of deferred merges: of open files, whole huge ranges, each once, in the order they are due
 * (docs/semantics-tdx.md, section 25).
 */
import { QUIET_OPS } from '../deferred-merges.js';
import type { State } from '../state.js';
import type { Check } from './verify.js';

export function verifyDeferred(state: State, check: Check): void {
  const { deferred, opsRun, hugePages } = state;
  check(deferred.length === 0 || state.knobs.merge === 'deferred', () => 'merges wait that nothing defers');
  deferred.forEach(({ file, first, end, due }, i) => {
    const name = `deferred merge of gmem ${file.id} index ${first}`;
    check(file.open, () => `${name}: its file is closed`);
    check(first % hugePages === 0 && end === first + hugePages, () => `${name}: no huge range`);
    check(due > opsRun && due <= opsRun + QUIET_OPS, () => `${name}: due at ${due}, this is op ${opsRun}`);
    check((deferred[i - 1]?.due ?? due) <= due, () => `${name}: out of order`);
    const twice = deferred.findIndex((other) => other.file === file && other.first === first) !== i;
    check(!twice, () => `${name}: twice`);
  });
}
