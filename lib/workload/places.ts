/**
 * Where in a YAML file a key stands.
 */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Pair, visit } from 'yaml';
import type { KeyPath } from '../document/path.js';

export { type KeyPath, writtenPath } from '../document/path.js';

export class Places {
  readonly lines = new LineCounter();
  document: Document.Parsed | undefined;

  /** 1-based line and column of the value at `path`, or of the nearest thing around it that is there. */
  ofValue(path: KeyPath): { line: number; column: number } {
    for (let length = path.length; length > 0; length -= 1) {
      const node = this.#node(path.slice(0, length));
      if (isNode(node) && node.range) return this.at(node.range[0]);
    }
    return this.at(this.document?.contents?.range?.[0] ?? 0);
  }

  /** Of a key in the mapping at `path`. */
  ofKey(path: KeyPath, key: string): { line: number; column: number } {
    const node = pairOf(this.#node(path), key)?.key;
    return isNode(node) && node.range ? this.at(node.range[0]) : this.ofValue(path);
  }

  /** Aliases of anchors that are not there, or only further down. */
  unknownAliases(): { name: string; line: number; column: number }[] {
    const found: { name: string; line: number; column: number }[] = [];
    const anchors = new Set<string>();
    if (this.document === undefined) return found;
    visit(this.document, {
      Node: (_, node) => {
        if (isAlias(node)) {
          if (!anchors.has(node.source)) found.push({ name: node.source, ...this.at(node.range?.[0] ?? 0) });
        } else if (node.anchor !== undefined) anchors.add(node.anchor);
      },
    });
    return found;
  }

  at(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #node(path: KeyPath): unknown {
    let node: unknown = this.document?.contents;
    for (const part of path) node = isSeq(node) ? node.items[part as number] : pairOf(node, part)?.value;
    return node;
  }
}

/** Of a key given twice the last one: its value counts. */
function pairOf(map: unknown, key: PropertyKey): Pair | undefined {
  if (!isMap(map)) return undefined;
  return map.items.findLast((pair) => isScalar(pair.key) && String(pair.key.value) === String(key));
}
