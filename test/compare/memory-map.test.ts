import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellOf } from '../../lib/compare/memory-map.js';
import { NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';

interface Page {
  pfn?: number;
  copy?: number;
  bits?: number;
}

const { present, folio2m, folio1g, shared, poisoned } = PAGE_BIT;

function block(page: (i: number) => Page): Uint32Array {
  const view = new Uint32Array(512 * PAGE_VIEW_WORDS);
  for (let i = 0; i < 512; i += 1) {
    const { pfn = NO_PFN, copy = NO_PFN, bits = 0 } = page(i);
    view[i * PAGE_VIEW_WORDS + PAGE_VIEW.pfn] = pfn;
    view[i * PAGE_VIEW_WORDS + PAGE_VIEW.sharedPfn] = copy;
    view[i * PAGE_VIEW_WORDS + PAGE_VIEW.bits] = bits;
  }
  return view;
}

const CASES: readonly [string, string, (i: number) => Page][] = [
  ['absent', '.', () => ({})],
  ['absent and shared', '.', () => ({ bits: shared })],
  ['2M folio', 'H', (i) => ({ pfn: 1024 + i, bits: present | folio2m })],
  ['1G folio', 'G', (i) => ({ pfn: 1024 + i, bits: present | folio2m | folio1g })],
  ['split folio', 's', (i) => (i < 100 ? {} : { pfn: 1024 + i, bits: present })],
  ['scattered pages', 'k', (i) => ({ pfn: 1025 + i, bits: present })],
  ['a page of the next block', 'k', (i) => ({ pfn: i === 9 ? 5 : 1024 + i, bits: present })],
  ['shared copies', 'c', (i) => ({ copy: 2048 + i, bits: shared })],
  ['shared copies of a few', 'c', (i) => (i === 3 ? { copy: 77, bits: shared } : { bits: shared })],
  ['shared in gmem', 'i', (i) => ({ pfn: 1024 + i, bits: present | shared })],
  ['shared, private kept', 'd', (i) => ({ pfn: 1024 + i, copy: 2048 + i, bits: present | shared })],
  ['private, copy kept', 'd', (i) => ({ pfn: 1024 + i, copy: 2048 + i, bits: present })],
  ['one shared page', 'm', (i) => (i === 5 ? { copy: 7, bits: shared } : { pfn: 1024 + i, bits: present })],
  ['poison', 'x', (i) => ({ pfn: 1024 + i, bits: i === 8 ? present | poisoned : present })],
];

for (const [name, cell, page] of CASES) {
  test(`a block of the map: ${name}`, () => assert.equal(cellOf(block(page), 0, 512), cell));
}
