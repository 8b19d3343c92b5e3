/**
 * The scanner of the addon, where it is built. Reading a trace must not begin with building one: without the addon the
 * reader's own scanner does the same, slower.
 */
import { addonIfBuilt } from '../engine/addon.js';
import { findBadRecord, recordRules } from '../ops/record-check.js';
import { type RecordScanner, SCANNER } from '../ops/record-scanner.js';
import { blankFields, type OpRecords } from '../ops/records.js';
import { HAS_GMEM, HAS_VM, RANGED, REACHABLE_BYTES, STRUCTURAL } from '../ops/survey.js';

/** What native/addon/records.cc exports. */
interface Addon {
  checksum(bytes: Uint8Array, seed: number): number;
  checkRecords(records: Uint8Array, count: number, rules: Float64Array): number;
  surveyRecords(
    records: Uint8Array,
    count: number,
    rules: Float64Array,
    survey: Float64Array,
    vms: Uint8Array,
    gmems: Uint8Array,
    structural: Uint32Array,
  ): number;
}

/** The addon's scanner, or the one in JavaScript. */
export function recordScanner(): RecordScanner {
  const addon = addonIfBuilt() as Partial<Addon> | undefined;
  return addon?.surveyRecords === undefined ? SCANNER : scannerOf(addon as Addon);
}

/** Rows of the rules as native/addon/records.cc reads them. */
function rulesTable(): Float64Array {
  const rows = recordRules().flatMap(({ address, size, extra, vm, gmem, arg, vcpu, flags }, kind) => [
    ...[...address, ...size, ...extra, vm, gmem, arg, vcpu, flags],
    ...[HAS_VM, HAS_GMEM, RANGED, STRUCTURAL].map((has) => (has[kind] === true ? 1 : 0)),
  ]);
  return Float64Array.from([...rows, REACHABLE_BYTES]);
}

function scannerOf(addon: Addon): RecordScanner {
  const rules = rulesTable();
  let positions = new Uint32Array(0);
  const bad = (records: OpRecords, first: number) =>
    first === records.length ? undefined : findBadRecord(records.bytes, first, first + 1);
  return {
    checksum: (bytes, seed) => addon.checksum(bytes, seed),
    check: (records) => bad(records, addon.checkRecords(records.bytes, records.length, rules)),
    survey(records, into) {
      if (positions.length < records.length) positions = new Uint32Array(records.length);
      const { numbers, vms, gmems, structural } = into;
      const first = addon.surveyRecords(records.bytes, records.length, rules, numbers, vms, gmems, positions);
      const op = blankFields();
      for (const at of positions.subarray(0, numbers.at(-1))) structural.appendFields(records.read(at, op));
      return bad(records, first);
    },
  };
}
