/**
 * What a figure was measured on.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { createEngine } from '../lib/index.js';
import type { Machine } from './results.js';

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

export function machine(): Machine {
  const engine = createEngine({ policy: 'mainline-6.18', memory: '2MiB' });
  const simd = String(engine.host().simd);
  engine.close();
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_bytes: totalmem(),
    kernel: `Linux ${release()}`,
    node: process.version,
    simd,
    transparent_hugepages: /\[(\w+)\]/.exec(read('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1] ?? 'unknown',
    load: Math.round((loadavg()[0] as number) * 100) / 100,
  };
}
