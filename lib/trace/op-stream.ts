/**
 * The project's own forms of an op stream as input formats.
 */
import { JsonlReader } from '../ops/jsonl.js';
import { PACKED_MAGIC } from '../ops/packed-layout.js';
import { PackedReader } from '../ops/packed-reader.js';
import type { TraceFormat } from './format.js';
import { recordScanner } from './native-scanner.js';
import { PackedFile } from './packed-file.js';

export const JSONL_FORMAT: TraceFormat = {
  name: 'jsonl',
  description: 'op stream, JSON lines (.jsonl, .jsonl.gz)',
  /** Content that begins with an object, or any line that begins like an op. */
  sniff: (head) => head.search(/^(?:\u00ef\u00bb\u00bf)?\s*\{|(?<=\n)[ \t]*\{\s*"op"\s*:/),
  reader: (file) => new JsonlReader(file),
};

/** The magic's first bytes are enough: what a transfer did to the others is for the reader to tell. */
const MAGIC_BEGIN = String.fromCharCode(...PACKED_MAGIC.subarray(0, 4));

export const PACKED_FORMAT: TraceFormat = {
  name: 'gmt',
  description: 'op stream, packed (.gmt)',
  sniff: (head) => (head.startsWith(MAGIC_BEGIN) ? 0 : -1),
  reader: (file, sizeBytes) => new PackedReader(file, sizeBytes),
  open: (file) => PackedFile.open(file, recordScanner()),
};
