/**
 * Why a goal was not reached, by rows of table.ts, shown only while the row misses it: what was measured or what the code does.
 * A row without an entry is not explained, and the page says so.
 */
const SECOND_LEVEL =
  'the 1 MiB of words are as large as the second-level cache, which has other things in it as well; of what half as large a table in it took (1.2 ns a set, 1.1 a test, measured with words of 8 bytes), the random order, made in the loop, is 0.9';

export const REASONS: Readonly<Record<string, string>> = {
  'prepared map, 512 GiB uniform: set 512 pages, random': SECOND_LEVEL,
  'prepared map, 512 GiB uniform: all-set test': SECOND_LEVEL,
  'frames, 4K, 512 GiB: get, into random holes':
    'instructions: some 40 a frame where a block of 512 has 16 free ones, which are listed when the block is come to, and a mispredicted branch a block',
  'frames, 4K, 512 GiB: put, random order, 512 in a call':
    'memory: one random 64-byte map of 16 MiB a put, asked for 24 puts ahead; over a table that the second-level cache holds a put takes 4.4 ns',
  'count of prepared pages, 512 GiB uniform':
    '1 MiB of block words is read, as large as the second-level cache; the bare sum of them beside has one instruction a vector where this has three. Less needs a count a GiB kept by the faults, an atomic a fault where they run on threads',
  'two vCPU threads on disjoint ranges, 2M: of one':
    'first touch by two threads of one process: two engines that share nothing, each with a thread, took 16.1 ns for the same in a run in which this took 14.2 and one thread 22.0 (they are in the JSON). Two tables of a word a block are made resident before the lanes run, a table a thread: by the second thread that takes 0.4 ms, or up to 6 where the pages it is given are new to the host. Without first touch, after a punch, the ratio is the one beside; what is left there is that a lane takes locks and looks at whose ops are whose',
  'two vCPU threads on disjoint ranges, 4K: of one':
    'a lane takes locks and looks at whose ops are whose, which one thread does not; two engines that share nothing, each with a thread, are in the JSON: what the machine itself gives two threads',
  'refault of a mapped page: hot':
    'instructions from the record to the outcome (some 145 when they were counted): nothing waits for memory',
  'fault of a 4K page: random over 64 GiB':
    'waits for memory, whose speed here is another from run to run: 50 ns in a run in which the test of a flat bitmap below took 21 ns',
  'one op from JavaScript': 'another from run to run, as the call beside it: 27 ns in a run in which that took 48 ns',
  '2M fault in order, 16 GiB to 4 TiB: most of least':
    'another from run to run: 1.23x in one in which the test of a flat bitmap below took 21 ns',
  '4K fault in order, 16 GiB to 4 TiB: most of least':
    'another from run to run: 1.04x in one in which the test of a flat bitmap below took 21 ns',
  'fault of a 4K page: in order':
    'instructions, as the refault (some 330 when they were counted); 18 ns in a run on a machine less in use',
};
