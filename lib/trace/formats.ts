/**
 * Every input format, one line each. Where two are seen at the same place in a file, the earlier one here wins.
 */
import type { TraceFormat } from './format.js';
import { JSONL_FORMAT } from './op-stream.js';

export const TRACE_FORMATS: readonly TraceFormat[] = [JSONL_FORMAT];

export const TRACE_FORMAT_NAMES: readonly string[] = TRACE_FORMATS.map(({ name }) => name);

/** The formats with their descriptions, for an error message or a help text. */
export function acceptedFormats(): string {
  return TRACE_FORMATS.map(({ name, description }) => `${name} (${description})`).join('; ');
}
