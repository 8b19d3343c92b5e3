/**
 * Why a goal was not reached, by rows of table.ts, shown only while the row misses it: what was measured or what the code does.
 * A row without an entry is not explained, and the page says so.
 */
export const REASONS: Readonly<Record<string, string>> = {
  'frames, 4K, 512 GiB: get, into random holes':
    'two frames a word of 64: every other call finds its word empty, which no processor foresees (a mispredicted branch a word), and a block of 512 is left and another one looked for every 16 calls',
  'frames, 4K, 512 GiB: put, random order':
    'memory: one random 64-byte map of 16 MiB a put, beside which the flat bitmap below writes one as well. To ask for the map 16 puts ahead made a put three times as fast here, but did not speed up a punch, whose frames lie close',
  'count of prepared pages, 512 GiB uniform':
    'reading 2 MiB of block words is the price: a bare sum of them, in the same run, takes as long. Less needs a count a GiB kept by the faults, an atomic a fault where they run on threads',
  'two vCPU threads on disjoint ranges, 2M: of one':
    'two engines that share nothing, each with a thread, are in the JSON: what the machine itself gives two threads. Refaults of the same folios scale, so it is what a first fault writes; reserves of frames eight times as large made no difference, and no lock is waited for',
  'two vCPU threads on disjoint ranges, 4K: of one':
    'the same; two engines that share nothing are in the JSON: what the machine itself gives two threads',
};
