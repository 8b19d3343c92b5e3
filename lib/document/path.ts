/** A path to a value in a document, and how it is written. */

export type KeyPath = readonly PropertyKey[];

/** `phases[2].size`; empty for the whole document. */
export function writtenPath(path: KeyPath): string {
  let written = '';
  for (const part of path) {
    if (typeof part === 'number') written += `[${part}]`;
    else written += `${written === '' ? '' : '.'}${String(part)}`;
  }
  return written;
}
