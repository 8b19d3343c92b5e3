/**
 * Why a goal that a run did not reach was not reached: by rows of table.ts, shown only while the row misses its goal.
 */
export const REASONS: Readonly<Record<string, string>> = {
  'frames, 2M, 512 GiB, two threads: get, a thread':
    'reserves of 64 blocks are filled under one lock, block by block, so that two threads that do nothing else take turns',
  'frames, 4K, 512 GiB: put, random order':
    'memory: one random 64-byte map of 16 MiB a put. A bare read-modify-write over as much cost 10 ns on such a machine',
  'frames, 4K, 512 GiB: get, into random holes':
    'every hole is in a map of its own, which the get is the first to read again',
  'count of prepared pages, 512 GiB uniform':
    'reading 2 MiB of block words is the price, at the bandwidth of the last-level cache. Less needs a count a GiB kept by the faults, an atomic a fault where they run on threads',
  'fault of a 2M folio, snp, 512 GiB in order':
    'first touch: a block word, an RMP word and a frame that nobody met before',
  'split of a 1G folio: warm': '512 block words are rewritten, 4 KiB, where the goal assumed one descriptor',
  'split of a 1G folio: first touch': '512 block words are rewritten, 4 KiB, where the goal assumed one descriptor',
  'one op from JavaScript': 'the call itself and the look-up of the engine are most of it (the empty call is beside)',
  'replay of a packed trace of 10 M ops by the command, start included':
    'reading and checking the file take as long as running it; the run ends with the process, start included',
  'two vCPU threads on disjoint ranges, 2M: of one':
    'threads take turns at the lock under which reserves of frames are filled (the row of frames by two threads), pay two exchanges a fault, and the pass that cuts the stream into epochs is one thread. Two engines that share nothing are in the JSON: what the machine itself gives two threads',
  'two vCPU threads on disjoint ranges, 4K: of one':
    'the same; two engines that share nothing are in the JSON: what the machine itself gives two threads',
  '2M fault in order, 16 GiB to 4 TiB: most of least':
    'metadata of the larger guests leaves the caches, and is touched first by the fault that needs it',
  '4K fault in order, 16 GiB to 4 TiB: most of least':
    'metadata of the larger guests leaves the caches, and is touched first by the fault that needs it',
};
