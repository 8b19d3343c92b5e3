/**
 * The published run of a 16 GiB SNP guest on a pool of 2M pages, set beside a run of such a guest here. Said because the
 * two shares differ for a reason: the published worker spent most of its cycles on plain conversions, of which it was not
 * said how many there were (docs/designs.md, "The published table"). The cycles themselves can be compared.
 */
import { isRun, type ResultsDocument, type RunResult, rowName } from '../compare/results.js';
import { grouped, prefixed, share } from './format.js';

const GUEST_BYTES = 16 * 2 ** 30;
const WORKER_CYCLES = 1_043_938_460;
const SPLIT_MERGE_PERCENT = 7;

/** A sentence, when the input is such a guest and folios of 2M were split. */
export function publishedRemark({ input, settings, results }: ResultsDocument): string | undefined {
  if (settings.arch !== 'snp' || input.guest_bytes !== GUEST_BYTES) return undefined;
  const runs = results
    .filter(isRun)
    .filter((run) => run.knobs.hugepages === '2M' && run.counters.splits_2m > 0 && run.interrupted !== true);
  if (runs.length === 0) return undefined;
  return (
    `modelled cycles of split + merge, and their part of all conversion cycles: ${runs.map(figures).join('; ')}. ` +
    `Published for a 16 GiB SNP guest by 2M: ${prefixed((SPLIT_MERGE_PERCENT / 100) * WORKER_CYCLES)}, ~${SPLIT_MERGE_PERCENT} % of ` +
    `${grouped(WORKER_CYCLES)} in the conversion worker. Compare the cycles, not the parts: how many plain conversions the rest was is not known`
  );
}

function figures(run: RunResult): string {
  const of = (event: 'split_2m' | 'merge_2m' | 'convert'): number => run.modelled.cycles[event] ?? 0;
  const folios = of('split_2m') + of('merge_2m');
  return `${rowName(run)} ${prefixed(folios)}, ${share(folios, folios + of('convert'))} with ${grouped(run.counters.converts)} conversions`;
}
