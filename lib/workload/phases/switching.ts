/** Pages that change sides again and again. */
import { CONTENTS } from '../../spec/ops.js';
import { address, choice, count, share, size } from '../keys.js';
import { PLACES } from '../memory.js';
import { claim, definePhase } from '../phase.js';

const COMMON = {
  at: address(4096).optional().describe('Where the memory lies.'),
  place: choice(PLACES).default('high').describe('Where it lies when there is no address.'),
  content: choice(CONTENTS).default('unspecified').describe('What a conversion asks for the content of the pages.'),
};

export const FLIP = definePhase(
  'flip',
  'The same pages go back and forth: a driver that maps and unmaps one buffer for every request.',
  {
    size: size(4096).prefault('64KiB').describe('The memory that flips.'),
    times: count(1, 1e9).default(1000).describe('How often it becomes shared and private again.'),
    exit: size(4096).optional().describe('Memory converted by one exit; without it, all.'),
    ...COMMON,
  },
  (keys, context) => {
    const at = claim(context, keys.size, 4096, keys.at, keys.place);
    const exit = keys.exit ?? keys.size;
    return function* (out) {
      for (let i = 0; i < keys.times; i += 1) {
        for (const to of ['shared', 'private'] as const) {
          for (let done = 0; done < keys.size; done += exit) {
            if (out.full) yield;
            const piece = Math.min(exit, keys.size - done);
            out.convert(0, at + done, piece, to, 'flip', keys.content);
            out.touch(0, at + done, piece);
          }
        }
      }
    };
  },
);

export const FINE_GRAINED = definePhase(
  'fine-grained',
  'Single pages change sides all the time, anywhere in a window, as a guest under pKVM shares and unshares them.',
  {
    window: size(4096).prefault('64MiB').describe('Memory the pages lie in.'),
    conversions: count(1, 1e9).default(10_000).describe('Conversions, of one page each.'),
    shared: share().prefault('25%').describe('Part of the window that is shared once the numbers are steady.'),
    ...COMMON,
  },
  (keys, context) => {
    const at = claim(context, keys.window, 4096, keys.at, keys.place, 'window');
    const pages = keys.window / 4096;
    const most = Math.round(pages * keys.shared);
    return function* (out, random) {
      const isShared = new Uint8Array(pages);
      const shared: number[] = [];
      for (let i = 0; i < keys.conversions; i += 1) {
        if (out.full) yield;
        const share = shared.length < pages && (shared.length === 0 || random.chance(shared.length < most ? 0.6 : 0.4));
        let page: number;
        if (share) {
          page = random.below(pages);
          while (isShared[page] !== 0) page = (page + 1) % pages;
          shared.push(page);
        } else {
          const taken = random.below(shared.length);
          page = shared[taken] as number;
          shared[taken] = shared.at(-1) as number;
          shared.pop();
        }
        isShared[page] = share ? 1 : 0;
        const vcpu = random.below(context.guest.vcpus);
        out.convert(vcpu, at + page * 4096, 4096, share ? 'shared' : 'private', 'fine_grained', keys.content);
        out.touch(vcpu, at + page * 4096, 4096);
      }
    };
  },
);
