/**
 * What a set of 2^27 pages (512 GiB) costs as a bitmap in JavaScript: a Uint32Array with loops written by hand, typedfastbitset,
 * and CRoaring compiled to WebAssembly (its native binding fetches a binary when it is installed); and what engine.count takes
 * for as many pages, called from JavaScript.
 *
 * All hold the same bits, all but one of each 512, at places that differ from block to block, and answer the same questions with
 * the same answers, checked. The same questions to the engine's map alone, without an op around them, are in native/bench
 * (prepared_512g_*).
 */
import assert from 'node:assert/strict';
import { RoaringBitmap32, roaringLibraryInitialize } from 'roaring-wasm';
import { TypedFastBitSet } from 'typedfastbitset';
import { createBackend, resolveOptions } from '../lib/engine/create.js';
import type { OpRecords } from '../lib/index.js';
import { FLAG } from '../lib/spec/ops.js';
import { pageQuery } from '../lib/spec/page-view.js';
import { PAGE_BYTES } from '../lib/spec/units.js';
import { measure, type Timing } from './measure.js';
import { BLOCK_BYTES, faults, furnish, GiB, punches, scrambled } from './streams.js';

export interface PeerResult extends Timing {
  readonly name: string;
  readonly operation: string;
}

const BLOCK_BITS = 18;
const BLOCKS = 2 ** BLOCK_BITS;
const PAGES = 512;
const BITS = BLOCKS * PAGES;
const ITERATIONS = 5;

/** The bit of a block that is not set. */
const hole = (block: number) => block * PAGES + ((block * 37) & (PAGES - 1));

/** Blocks in an order no prefetcher follows, made once: it is in the figures of all of them as one load. */
const ORDER = Uint32Array.from({ length: BLOCKS }, (_, i) => scrambled(i, BLOCK_BITS));

/**
 * A set of 2^27 numbers as one of the peers has it. Each has its loops to itself, so that none pays for a call that only the
 * comparison needs.
 */
interface Peer {
  readonly name: string;
  readonly setBlocks: () => void;
  /** Blocks of which all bits are set. */
  readonly fullBlocks: () => number;
  /** Bits that are set, of one a block. */
  readonly setBits: () => number;
  readonly removeHoles: () => void;
  readonly count: () => number;
  /** What its count is, where it is no count of bits. */
  readonly kept?: string;
  readonly close?: () => void;
}

/** The bit that `setBits` asks for in the i-th block. */
const asked = (block: number, i: number) => block * PAGES + (i & (PAGES - 1));

function byHand(): Peer {
  const words = new Uint32Array(BITS / 32);
  return {
    name: 'Uint32Array',
    setBlocks: () => {
      for (const block of ORDER) for (let i = block * 16; i < block * 16 + 16; i += 1) words[i] = 0xffffffff;
    },
    fullBlocks: () => {
      let full = 0;
      for (const block of ORDER) {
        let all = -1;
        for (let i = block * 16; i < block * 16 + 16; i += 1) all &= words[i] as number;
        if (all === -1) full += 1;
      }
      return full;
    },
    setBits: () => {
      let bits = 0;
      for (let i = 0; i < BLOCKS; i += 1) {
        const bit = asked(ORDER[i] as number, i);
        bits += ((words[bit >>> 5] as number) >>> (bit & 31)) & 1;
      }
      return bits;
    },
    removeHoles: () => {
      for (const block of ORDER) {
        const bit = hole(block);
        words[bit >>> 5] = (words[bit >>> 5] as number) & ~(1 << (bit & 31));
      }
    },
    count: () => {
      let bits = 0;
      for (let i = 0; i < words.length; i += 1) {
        let word = words[i] as number;
        word -= (word >>> 1) & 0x55555555;
        word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
        bits += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
      }
      return bits;
    },
  };
}

function typedFast(): Peer {
  const set = new TypedFastBitSet();
  set.resize(BITS);
  return {
    name: 'typedfastbitset',
    setBlocks: () => {
      for (const block of ORDER) set.addRange(block * PAGES, (block + 1) * PAGES);
    },
    // It has no question about all of a range.
    fullBlocks: () => {
      let full = 0;
      for (const block of ORDER) {
        let bit = block * PAGES;
        while (bit < (block + 1) * PAGES && set.has(bit)) bit += 1;
        if (bit === (block + 1) * PAGES) full += 1;
      }
      return full;
    },
    setBits: () => {
      let bits = 0;
      for (let i = 0; i < BLOCKS; i += 1) if (set.has(asked(ORDER[i] as number, i))) bits += 1;
      return bits;
    },
    removeHoles: () => {
      for (const block of ORDER) set.remove(hole(block));
    },
    count: () => set.size(),
  };
}

async function roaring(): Promise<Peer> {
  await roaringLibraryInitialize();
  const set = new RoaringBitmap32();
  return {
    name: 'roaring (wasm)',
    setBlocks: () => {
      for (const block of ORDER) set.addRange(block * PAGES, (block + 1) * PAGES);
    },
    fullBlocks: () => {
      let full = 0;
      for (const block of ORDER) if (set.hasRange(block * PAGES, (block + 1) * PAGES)) full += 1;
      return full;
    },
    setBits: () => {
      let bits = 0;
      for (let i = 0; i < BLOCKS; i += 1) if (set.has(asked(ORDER[i] as number, i))) bits += 1;
      return bits;
    },
    removeHoles: () => {
      for (const block of ORDER) set.remove(hole(block));
    },
    count: () => set.size,
    kept: 'counts that it keeps, no bit read',
    close: () => void set.dispose(),
  };
}

/** The bits, then the questions about single blocks and bits, then the whole. */
async function timePeer(peer: Peer): Promise<PeerResult[]> {
  const results: PeerResult[] = [];
  const time = async (operation: string, operations: number, work: () => number, wanted: number) => {
    let answer = -1;
    const run = () => {
      answer = work();
    };
    const [timing] = await measure([{ name: peer.name, work: run }], operations, ITERATIONS);
    assert.equal(answer, wanted, `${peer.name}: ${operation}`);
    results.push({ name: peer.name, operation, ...(timing as Timing) });
  };
  const set = () => {
    peer.setBlocks();
    return 0;
  };
  await time('set 512, random', BLOCKS, set, 0);
  await time('test 512, random', BLOCKS, () => peer.fullBlocks(), BLOCKS);
  peer.removeHoles();
  let holes = 0;
  for (const [i, block] of ORDER.entries()) if (asked(block, i) === hole(block)) holes += 1;
  await time('test one, random', BLOCKS, () => peer.setBits(), BLOCKS - holes);
  const operation = peer.kept === undefined ? 'count all 2^27' : `count all 2^27: ${peer.kept}`;
  await time(operation, 1, () => peer.count(), BITS - BLOCKS);
  peer.close?.();
  return results;
}

/** The same pages prepared in a file of 512 GiB: booted by 2M, then one page of each block punched. */
async function timeEngine(): Promise<PeerResult[]> {
  const bytes = BLOCKS * BLOCK_BYTES;
  const options = resolveOptions({ policy: 'rfc-thp', memory: bytes + GiB, contents: false, engine: 'native' });
  const backend = createBackend('native', options.backend);
  const count = () => backend.countPages(0, 0, BITS, pageQuery(['prepared']));
  const results: PeerResult[] = [];
  const time = async (operation: string, wanted: number) => {
    let pages = 0;
    const work = () => {
      pages = count();
    };
    const [timing] = await measure([{ name: 'engine', work }], 1, 5 * ITERATIONS);
    assert.equal(pages, wanted);
    results.push({ name: 'engine.count', operation, ...(timing as Timing) });
  };
  const run = (records: OpRecords) => backend.run(records.bytes, 0, records.length, null);
  try {
    run(furnish(bytes));
    run(faults(BLOCKS, (i) => i * BLOCK_BYTES, FLAG.noMap));
    await time('count all 2^27, whole blocks', BITS);
    run(punches(BLOCKS, (i) => hole(ORDER[i] as number) * PAGE_BYTES));
    await time('count all 2^27', BITS - BLOCKS);
  } finally {
    backend.close();
  }
  return results;
}

export async function runPeers(): Promise<PeerResult[]> {
  const results = await timeEngine();
  for (const peer of [byHand(), typedFast(), await roaring()]) results.push(...(await timePeer(peer)));
  return results;
}
