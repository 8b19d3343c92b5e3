/**
 * Every input format, one line each. Where two are seen at the same place in a file, the earlier one here wins.
 */
import { SCENARIO_FORMAT } from '../workload/format.js';
import type { TraceFormat } from './format.js';
import { FTRACE_FORMAT } from './ftrace.js';
import { JSONL_FORMAT, PACKED_FORMAT } from './op-stream.js';
import { QEMU_FORMAT } from './qemu-log.js';

export const TRACE_FORMATS: readonly TraceFormat[] = [
  // Before op streams: a scenario in JSON begins like one.
  SCENARIO_FORMAT,
  JSONL_FORMAT,
  PACKED_FORMAT,
  QEMU_FORMAT,
  FTRACE_FORMAT,
];

export const TRACE_FORMAT_NAMES: readonly string[] = TRACE_FORMATS.map(({ name }) => name);

/** The formats with their descriptions, for an error message or a help text. */
export function acceptedFormats(): string {
  return TRACE_FORMATS.map(({ name, description }) => `${name} (${description})`).join('; ');
}
