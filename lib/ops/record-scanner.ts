/**
 * Checks records by the megabyte. The two implementations agree: this one, and the addon's (lib/trace/native-scanner.ts),
 * which is what makes a replay of millions of ops wait for its engine and not for its reader.
 */
import { crc32 } from 'node:zlib';
import { findBadRecord } from './record-check.js';
import type { OpRecords } from './records.js';
import type { Survey } from './survey.js';

export interface RecordScanner {
  /** CRC-32 of what `seed` is the checksum of, with these bytes behind it. */
  checksum(bytes: Uint8Array, seed: number): number;
  /** The first record that no encoder makes, and what is wrong with it. */
  check(records: OpRecords): { record: number; message: string } | undefined;
  /** The same; without one, all are added to the survey. */
  survey(records: OpRecords, into: Survey): { record: number; message: string } | undefined;
}

export const SCANNER: RecordScanner = {
  checksum: (bytes, seed) => crc32(bytes, seed),
  check: (records) => findBadRecord(records.bytes, 0, records.length),
  survey(records, into) {
    const bad = findBadRecord(records.bytes, 0, records.length);
    if (bad === undefined) into.add(records);
    return bad;
  },
};
