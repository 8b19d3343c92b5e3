/**
 * Why a goal was not reached, by rows of table.ts, shown only while the row misses it: what was measured or what the code does.
 * A row without an entry is not explained, and the page says so.
 */
export const REASONS: Readonly<Record<string, string>> = {
  'frames, 2M, 512 GiB, two threads: get, a thread':
    'reserves of 64 blocks are filled under one lock, block by block, so that two threads that do nothing else take turns',
  'frames, 4K, 512 GiB: put, random order':
    'memory: one random 64-byte map of 16 MiB a put. A bare read-modify-write over as much cost 10 ns on such a machine',
  'count of prepared pages, 512 GiB uniform':
    'reading 2 MiB of block words is the price, at the bandwidth of the last-level cache. Less needs a count a GiB kept by the faults, an atomic a fault where they run on threads',
  'one op from JavaScript': 'the call itself and the look-up of the engine are most of it (the empty call is beside)',
  'two vCPU threads on disjoint ranges, 2M: of one':
    'threads take turns at the lock under which reserves of frames are filled (the row of frames by two threads), pay two exchanges a fault, and the pass that cuts the stream into epochs is one thread. Two engines that share nothing are in the JSON: what the machine itself gives two threads',
  'two vCPU threads on disjoint ranges, 4K: of one':
    'the same; two engines that share nothing are in the JSON: what the machine itself gives two threads',
};
