/**
 * The project's own forms of an op stream as input formats.
 */
import { JsonlReader } from '../ops/jsonl.js';
import type { TraceFormat } from './format.js';

export const JSONL_FORMAT: TraceFormat = {
  name: 'jsonl',
  description: 'op stream, JSON lines (.jsonl, .jsonl.gz)',
  /** Content that begins with an object, or any line that begins like an op. */
  sniff: (head) => head.search(/^(?:\u00ef\u00bb\u00bf)?\s*\{|(?<=\n)[ \t]*\{\s*"op"\s*:/),
  reader: (file) => new JsonlReader(file),
};
