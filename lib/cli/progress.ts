/**
 * Progress of a run on stderr: one line rewritten on a terminal, a line now and then elsewhere. Never on stdout.
 */
import type { Progress } from '../compare/compare.js';
import { prefixed } from '../report/format.js';
import type { ProgressMode } from './options.js';

const TERMINAL_MS = 100;
const LINES_MS = 2_000;

export interface ProgressLine {
  update(progress: Progress): void;
  /** Takes the line off the terminal. */
  clear(): void;
}

export function progressLine(mode: ProgressMode, quiet: boolean): ProgressLine | undefined {
  const terminal = process.stderr.isTTY === true;
  if (quiet || mode === 'never' || (mode === 'auto' && !terminal)) return undefined;
  let last = 0;
  let policy = -1;
  let started = 0;
  let shown = false;
  return {
    update(progress) {
      const now = performance.now();
      if (progress.position !== policy) {
        policy = progress.position;
        started = now;
      }
      const ended = progress.done === progress.total;
      if (now - last < (terminal ? TERMINAL_MS : LINES_MS) && !(ended && !terminal)) return;
      last = now;
      shown = true;
      const text = describe(progress, now - started);
      process.stderr.write(terminal ? `\r\u001b[K${text.slice(0, (process.stderr.columns || 80) - 1)}` : `${text}\n`);
    },
    clear() {
      if (terminal && shown) process.stderr.write('\r\u001b[K');
    },
  };
}

function describe({ policy, position, policies, done, total }: Progress, tookMs: number): string {
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  const rate = tookMs > 0 ? `, ${prefixed(Math.round((done / tookMs) * 1000))} ops/s` : '';
  const left = done > 0 && done < total ? `, ${Math.ceil((tookMs * (total - done)) / done / 1000)} s left` : '';
  return `${policy} (${position + 1} of ${policies}): ${percent} %${rate}${left}`;
}
