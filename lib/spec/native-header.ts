/**
 * Writes the C++ side of lib/spec: every number the native engine shares with this layer, so that none stands twice.
 *
 *     node dist/lib/spec/native-header.js OUT.h
 *
 * The file is only touched when its text changes, so that a rebuild stays incremental.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { COUNTER_NAMES, COUNTERS } from './counters.js';
import { ERRNOS } from './errnos.js';
import { ARCHES, KNOB_NAMES, KNOBS, type KnobName, SWITCH_MOST, SWITCH_NAMES } from './knobs.js';
import { CONTENTS, CREATE_FLAG, FLAG, ID_LIMITS, OP_NAMES, RECORD_BYTES } from './ops.js';
import { EXITS, OUTCOME_BYTES, outcomeValues } from './outcomes.js';
import { NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from './page-view.js';
import { RMP_ATTEMPTS, RMP_GFN_BITS } from './rmp.js';
import { SIMD_PATHS } from './simd.js';
import { type Combination, REFUSALS } from './supported.js';
import { ORDER_1G, ORDER_2M, ORDER_4K, PAGE_BYTES, PAGE_SHIFT } from './units.js';
import { LOCK_KINDS, MAX_VCPU_THREADS } from './vcpus.js';

/** `guest-write`, `faults_4k`, `vmmPunch` -> `GuestWrite`, `Faults4k`, `VmmPunch`. */
export function camel(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** `vmmPunch` -> `vmm_punch`. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function enumClass(name: string, values: readonly string[]): string {
  const lines = values.map((value) => `  k${camel(value)},`);
  return [`enum class ${name} : uint8_t {`, ...lines, '};'].join('\n');
}

function constants(type: string, prefix: string, values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `inline constexpr ${type} ${prefix}${camel(name)} = ${value};`)
    .join('\n');
}

function isBoolean(name: KnobName): boolean {
  return typeof KNOBS[name][0] === 'boolean';
}

function knobEnums(): string {
  return KNOB_NAMES.filter((name) => !isBoolean(name))
    .map((name) => enumClass(camel(name), KNOBS[name] as readonly string[]))
    .join('\n\n');
}

function knobStruct(): string {
  const fields = KNOB_NAMES.map((name) => `  ${isBoolean(name) ? 'bool' : camel(name)} ${snake(name)}{};`);
  return ['struct Knobs {', ...fields, '};'].join('\n');
}

function knobsFromPositions(): string {
  const counts = KNOB_NAMES.map((name) => KNOBS[name].length).join(', ');
  const fills = KNOB_NAMES.map((name, i) =>
    isBoolean(name)
      ? `  out.${snake(name)} = positions[${i}] == ${(KNOBS[name] as readonly unknown[]).indexOf(true)};`
      : `  out.${snake(name)} = static_cast<${camel(name)}>(positions[${i}]);`,
  );
  return `// Values of each knob, in the order of the positions.
inline constexpr uint8_t kKnobValues[kKnobs] = {${counts}};
inline constexpr const char* kKnobNames[kKnobs] = {${KNOB_NAMES.map((name) => `"${name}"`).join(', ')}};

// Fills \`out\` from one value position a knob; false, and \`out\` untouched, when a position is out of range.
inline bool knobs_from_positions(const uint8_t* positions, size_t n, Knobs& out) {
  if (n != kKnobs) return false;
  for (size_t i = 0; i < kKnobs; ++i) {
    if (positions[i] >= kKnobValues[i]) return false;
  }
${fills.join('\n')}
  return true;
}`;
}

/** The positions of these values as bits; all of them where nothing is asked. */
function bits(all: readonly unknown[], asked: readonly unknown[] | undefined): number {
  return all.reduce<number>(
    (mask, value, i) => (asked === undefined || asked.includes(value) ? mask | (1 << i) : mask),
    0,
  );
}

function refusal({ when, reason }: { readonly when: Combination; readonly reason: string }): string {
  const knobs = KNOB_NAMES.map((name) => bits(KNOBS[name], when[name]));
  return `    {{${knobs.join(', ')}}, ${bits(ARCHES, when.arch)}, ${JSON.stringify(reason)}},`;
}

function unsupported(): string {
  const positions = KNOB_NAMES.map((name) => `static_cast<uint8_t>(knobs.${snake(name)})`);
  return `// What the engines cannot run together: where each knob, and the arch, has a value whose bit is set.
struct Refusal {
  uint8_t knobs[kKnobs];
  uint8_t arches;
  const char* reason;
};
inline constexpr Refusal kRefusals[] = {
${REFUSALS.map(refusal).join('\n')}
};

// The first of the reasons why these knobs do not go together on this arch, or nullptr.
inline const char* unsupported_reason(const Knobs& knobs, Arch arch) {
  const uint8_t positions[kKnobs] = {${positions.join(', ')}};
  for (const Refusal& refusal : kRefusals) {
    bool holds = (refusal.arches >> static_cast<uint8_t>(arch) & 1) != 0;
    for (size_t i = 0; i < kKnobs; ++i) holds = holds && (refusal.knobs[i] >> positions[i] & 1) != 0;
    if (holds) return refusal.reason;
  }
  return nullptr;
}`;
}

function outcomeValueConstants(): string {
  return OP_NAMES.flatMap((op) =>
    outcomeValues(op).map((value, i) => `inline constexpr int k${camel(op)}${camel(value)} = ${i};`),
  ).join('\n');
}

function counterEnum(): string {
  const values = COUNTER_NAMES.map((name) => `  k${camel(name)},  // ${COUNTERS[name]}`);
  const names = COUNTER_NAMES.map((name) => `    "${name}",`);
  return `enum class Counter : uint8_t {
${values.join('\n')}
};
inline constexpr size_t kCounters = ${COUNTER_NAMES.length};
inline constexpr const char* kCounterNames[kCounters] = {
${names.join('\n')}
};`;
}

/** The whole header. */
export function nativeHeader(): string {
  return `// Generated by lib/spec/native-header.ts from the tables of lib/spec (ops, outcomes, counters, knobs, what knobs go
// together, errnos, page view, units). Change those, not this file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmem::spec {

// Units.
inline constexpr uint64_t kPageBytes = ${PAGE_BYTES};
inline constexpr unsigned kPageShift = ${PAGE_SHIFT};
inline constexpr unsigned kOrder4K = ${ORDER_4K};
inline constexpr unsigned kOrder2M = ${ORDER_2M};
inline constexpr unsigned kOrder1G = ${ORDER_1G};

// Ops.
${enumClass('OpKind', OP_NAMES)}
inline constexpr size_t kOpKinds = ${OP_NAMES.length};
inline constexpr const char* kOpNames[kOpKinds] = {
${OP_NAMES.map((name) => `    "${name}",`).join('\n')}
};

struct OpRecord {
  uint8_t kind;
  uint8_t flags;
  uint16_t vcpu;
  uint32_t vm;
  uint32_t gmem;
  uint32_t arg;
  double address;
  double size;
  double extra;
};
static_assert(sizeof(OpRecord) == ${RECORD_BYTES});
static_assert(offsetof(OpRecord, flags) == 1 && offsetof(OpRecord, vcpu) == 2 && offsetof(OpRecord, vm) == 4);
static_assert(offsetof(OpRecord, gmem) == 8 && offsetof(OpRecord, arg) == 12 && offsetof(OpRecord, address) == 16);
static_assert(offsetof(OpRecord, size) == 24 && offsetof(OpRecord, extra) == 32);

// Bits of OpRecord::flags.
${constants('uint8_t', 'kFlag', FLAG)}

// Bits of the flags of \`create\`, in OpRecord::extra.
${constants('uint32_t', 'kCreateFlag', CREATE_FLAG)}

// Largest identifier of each sort.
${constants('uint32_t', 'kLimit', ID_LIMITS)}

// OpRecord::arg of \`convert\` and of \`set\`.
${enumClass('Content', CONTENTS)}
${enumClass('Switch', SWITCH_NAMES)}
inline constexpr size_t kSwitches = ${SWITCH_NAMES.length};
// The most that OpRecord::extra is, by switch.
inline constexpr uint32_t kSwitchMost[kSwitches] = {${SWITCH_MOST.join(', ')}};
// Attempts of one RMPUPDATE that fails for the moment.
inline constexpr uint32_t kRmpAttempts = ${RMP_ATTEMPTS};
inline constexpr uint32_t kRmpGfnBits = ${RMP_GFN_BITS};

// Outcomes.
${enumClass('Exit', EXITS)}

struct OutcomeRecord {
  uint16_t errno_number;
  uint8_t exit;
  uint8_t has;
  uint32_t zero;
  double values[4];
};
static_assert(sizeof(OutcomeRecord) == ${OUTCOME_BYTES});
static_assert(offsetof(OutcomeRecord, exit) == 2 && offsetof(OutcomeRecord, has) == 3);
static_assert(offsetof(OutcomeRecord, values) == 8);

// Positions in OutcomeRecord::values, by op.
${outcomeValueConstants()}

// Errnos.
enum Errno : uint16_t {
  kOk = 0,
${Object.entries(ERRNOS)
  .map(([name, number]) => `  k${name} = ${number},`)
  .join('\n')}
};

// Counters, in the order of the array every engine fills.
${counterEnum()}

// Policy knobs; the number of a value is its position in lib/spec/knobs.ts.
${knobEnums()}

${knobStruct()}
inline constexpr size_t kKnobs = ${KNOB_NAMES.length};
${knobsFromPositions()}

${enumClass('Arch', ARCHES)}
inline constexpr size_t kArches = ${ARCHES.length};

${unsupported()}

// Instruction sets that scans are written for, narrowest first.
${enumClass('Simd', SIMD_PATHS)}
inline constexpr uint32_t kMostVcpuThreads = ${MAX_VCPU_THREADS};
${enumClass('LockKind', LOCK_KINDS)}
inline constexpr size_t kLockKinds = ${LOCK_KINDS.length};
inline constexpr size_t kSimdPaths = ${SIMD_PATHS.length};
inline constexpr const char* kSimdNames[kSimdPaths] = {${SIMD_PATHS.map((name) => `"${name}"`).join(', ')}};

// Page views: u32 words a page, their positions, and the bits of the word \`bits\`.
inline constexpr size_t kPageViewWords = ${PAGE_VIEW_WORDS};
inline constexpr uint32_t kNoPfn = 0x${NO_PFN.toString(16)};
${constants('size_t', 'kPageView', PAGE_VIEW)}
${constants('uint32_t', 'kPageBit', PAGE_BIT)}

}  // namespace gmem::spec
`;
}

function writeIfChanged(file: string, text: string): void {
  let current: string | undefined;
  try {
    current = readFileSync(file, 'utf8');
  } catch {
    current = undefined;
  }
  if (current === text) return;
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, text);
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const out = process.argv[2];
  if (out === undefined) {
    process.stderr.write('usage: native-header OUT.h\n');
    process.exit(2);
  }
  writeIfChanged(out, nativeHeader());
}
