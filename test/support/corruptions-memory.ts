/**
 * What can be wrong with frames, contents and the page cache, one thing at a time, and the line verify() must say.
 */
import { FRAME } from '../../lib/reference/frames.js';
import type { Block } from '../../lib/reference/model.js';
import type { Corruption } from './healthy.js';

export const MEMORY_CORRUPTIONS: readonly Corruption[] = [
  [
    'two owners',
    'none',
    /two owners/,
    ({ whole, broken }) => {
      broken.pfn[0] = whole.pfn[3] as number;
    },
  ],
  [
    'a pfn beyond the host',
    'none',
    /the host has/,
    ({ broken }) => {
      broken.pfn[0] = 2 ** 30;
    },
  ],
  [
    'a frame nobody has',
    'none',
    /nobody has it/,
    ({ broken }) => {
      broken.pfn[1] = 0xffffffff;
    },
  ],
  [
    'a page on a free frame',
    'none',
    /is free, not gmem/,
    ({ state, broken }) => {
      state.frames.state[broken.pfn[1] as number] = FRAME.free;
    },
  ],
  [
    'a copy on a gmem frame',
    'none',
    /is gmem, not copy/,
    ({ state, copied }) => state.frames.become(copied.copy[1] as number, FRAME.gmem),
  ],
  ['a lost orphan', 'none', /nobody has it/, ({ file }) => file.pins.clear()],
  [
    'a pin without a count',
    'none',
    /pins 0/,
    ({ file }) => {
      for (const pins of file.pins.values()) for (const pin of pins) pin.count = 0;
    },
  ],
  [
    'a used count',
    'none',
    /used pages, counted/,
    ({ state }) => {
      state.frames.usedInBlock[0] = 5;
    },
  ],
  [
    'an unmovable count',
    'none',
    /unmovable, counted/,
    ({ state }) => {
      state.frames.unmovableInBlock[0] = 5;
    },
  ],
  [
    'a class',
    'none',
    /has class/,
    ({ state }) => {
      state.frames.classOfBlock[0] = 0;
    },
  ],
  [
    'a census',
    'none',
    /condition 0: /,
    ({ state }) => {
      state.frames.census[0] = 0;
    },
  ],
  [
    'a count of states',
    'none',
    /frames pressure: 0, counted 3/,
    ({ state }) => {
      state.frames.inState[FRAME.pressure] = 3;
    },
  ],
  ['poison on a free frame', 'none', /is poisoned and free/, ({ state }) => void state.frames.poisoned.add(16000)],
  ['out of use, not poisoned', 'none', /was not poisoned/, ({ state }) => state.frames.become(16000, FRAME.poisoned)],
  [
    'contents of a free frame',
    'none',
    /is free and holds contents/,
    ({ state }) => void state.contents.write(16000, 0, 1, 1),
  ],
  ['a folio out of order', 'none', /no 2M folio there/, ({ whole }) => void whole.pfn.reverse()],
  [
    'a 2M folio with a hole',
    'none',
    /no 2M folio there/,
    ({ broken }) => {
      broken.order = 9;
    },
  ],
  [
    'a 2M copy with a hole',
    'none',
    /no 2M copy there/,
    ({ copied }) => {
      copied.hugeCopy = true;
    },
  ],
  [
    'a mark without a page',
    'none',
    /marked and absent/,
    ({ broken }) => {
      broken.marked[0] = 1;
    },
  ],
  [
    'a page of a closed file',
    'none',
    /present in a closed file/,
    ({ file }) => {
      file.open = false;
    },
  ],
  [
    'a copy in an mmap file',
    'none',
    /serves shared accesses itself/,
    ({ state, other }) => {
      (other.blocks.get(0) as Block).copy[4] = state.frames.allocatePage(FRAME.copy);
    },
  ],
  ['a reference on an absent page', 'none', /is absent or has/, ({ file }) => void file.speculative.set(512, 3)],
  ['an id for another file', 'none', /stands for/, ({ state, file }) => void state.gmems.set(5, file)],
];
