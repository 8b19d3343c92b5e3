/**
 * Makes a failing stream small: whole ops go first (delta debugging), then numbers become small and aligned, then the
 * host. Anything that still differs is kept, whether or not it differs in the same way: the smallest difference is the one to
 * look at first. Bounded by a number of runs, not by time.
 */
import { blankFields, type RecordFields } from '../../lib/ops/records.js';
import { unsupportedReason } from '../../lib/policy/policy.js';
import { PRESET_NAMES, PRESETS } from '../../lib/policy/presets.js';
import { KNOB_NAMES } from '../../lib/spec/knobs.js';
import { OPS } from '../../lib/spec/ops.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import { type Case, type Difference, difference, type Engines } from './differential.js';
import { nameOf } from './ops.js';

export interface Shrunk {
  readonly plan: Case;
  readonly difference: Difference;
  readonly runs: number;
}

const EVERY_OP_UP_TO = 80;
/** Searches over pairs and runs of ops are for streams of at most this length. */
const FEW_OPS = 14;
const MEMORY_BLOCKS = [1, 2, 3, 4, 8, 16, 1024, 1536];
const BLOCK_BYTES = 2 ** 21;

/** @param budget runs at most; a stream that needs more stays as small as it got. */
export function shrink(engines: Engines, failing: Case, first: Difference, budget = 2500): Shrunk {
  const search = new Search(engines, failing, first, budget);
  let before: number;
  do {
    before = search.complexity();
    search.removeOps();
    search.simplifyNumbers();
    search.removePairs();
    search.collapse();
  } while (search.complexity() < before && !search.exhausted());
  search.simplifyPolicy();
  search.simplifyHost();
  // On a small host what used memory up may not be needed any more.
  search.removeOps();
  return search.result();
}

class Search {
  readonly #engines: Engines;
  readonly #budget: number;
  #plan: Case;
  #found: Difference;
  #runs = 0;

  constructor(engines: Engines, plan: Case, found: Difference, budget: number) {
    this.#engines = engines;
    this.#plan = { ...plan, ops: plan.ops.slice(0, found.ops) };
    this.#found = found;
    this.#budget = budget;
  }

  exhausted(): boolean {
    return this.#runs >= this.#budget;
  }

  result(): Shrunk {
    return { plan: this.#plan, difference: this.#found, runs: this.#runs };
  }

  complexity(): number {
    return this.#plan.ops.reduce((sum, fields) => sum + opCost(fields), 0);
  }

  /** Keeps `plan`, cut after the op that shows the difference, if it still fails. */
  #accept(plan: Case): boolean {
    // Knobs on the way to a preset may be ones no engine takes.
    if (this.exhausted() || unsupportedReason(plan.knobs, plan.arch) !== undefined) return false;
    this.#runs += 1;
    const chunk = plan.ops.length <= EVERY_OP_UP_TO ? 1 : 50;
    const found = difference(this.#engines, plan, { chunk });
    if (found === undefined) return false;
    this.#plan = { ...plan, ops: plan.ops.slice(0, Math.max(1, found.ops)) };
    this.#found = found;
    return true;
  }

  #acceptOps(ops: readonly RecordFields[]): boolean {
    return this.#accept({ ...this.#plan, ops });
  }

  removeOps(): void {
    for (let size = Math.max(1, this.#plan.ops.length >> 1); size >= 1; size >>= 1) {
      // From the end: what came last depends on what came before, seldom the other way round.
      for (let to = this.#plan.ops.length; to > 0; to -= size) {
        to = Math.min(to, this.#plan.ops.length);
        const from = Math.max(0, to - size);
        const rest = [...this.#plan.ops.slice(0, from), ...this.#plan.ops.slice(to)];
        if (rest.length > 0) this.#acceptOps(rest);
      }
      if (size === 1) break;
    }
  }

  /** Two ops that are only there for each other, such as an unbind and a bind. */
  removePairs(): void {
    if (this.#plan.ops.length > FEW_OPS) return;
    for (let first = 0; first < this.#plan.ops.length; first += 1) {
      for (let second = first + 1; second < this.#plan.ops.length; second += 1) {
        this.#acceptOps(this.#plan.ops.filter((_, i) => i !== first && i !== second));
      }
    }
  }

  /** A run of ops that brings a second file, VM or place into play: goes if the rest can use the first one. */
  collapse(): void {
    if (this.#plan.ops.length > FEW_OPS) return;
    for (const field of ['vm', 'gmem', 'address'] as const) {
      const values = [...new Set(this.#plan.ops.map((fields) => fields[field]))];
      for (const from of values) {
        for (const to of values.filter((value) => cost(value) < cost(from))) this.#collapse(field, from, to);
      }
    }
  }

  #collapse(field: 'vm' | 'gmem' | 'address', from: number, to: number): void {
    const { length } = this.#plan.ops;
    for (let size = 1; size <= length / 2; size += 1) {
      for (let at = 0; at + size <= length; at += 1) {
        const rest = this.#plan.ops.filter((_, i) => i < at || i >= at + size);
        if (this.#acceptOps(rest.map((fields) => (fields[field] === from ? { ...fields, [field]: to } : fields))))
          return;
      }
    }
  }

  simplifyNumbers(): void {
    this.#lowerGuestAddresses();
    for (const field of ['vm', 'gmem'] as const) {
      for (const id of new Set(this.#plan.ops.map((fields) => fields[field]))) this.#renumber(field, id);
    }
    for (let i = 0; i < this.#plan.ops.length; i += 1) {
      for (const field of ['address', 'size', 'extra', 'arg', 'vcpu', 'flags'] as const) this.#simplifyField(i, field);
    }
  }

  #simplifyField(i: number, field: keyof RecordFields): void {
    for (;;) {
      const fields = this.#plan.ops[i];
      if (fields === undefined) return;
      const better = simpler(fields[field]).some((value) => {
        const ops = this.#plan.ops.map((other, j) => (j === i ? { ...fields, [field]: value } : other));
        if (this.#acceptOps(ops)) return true;
        const everywhere = this.#plan.ops.map((other) =>
          other[field] === fields[field] ? { ...other, [field]: value } : other,
        );
        return field === 'address' && this.#acceptOps(everywhere);
      });
      if (!better) return;
    }
  }

  #renumber(field: 'vm' | 'gmem', from: number): void {
    for (let to = 0; to < from; to += 1) {
      if (to > 3) return;
      if (
        this.#acceptOps(this.#plan.ops.map((fields) => (fields[field] === from ? { ...fields, [field]: to } : fields)))
      )
        return;
    }
  }

  /** Moves everything at guest-physical addresses down by the largest power of two that all of them exceed. */
  #lowerGuestAddresses(): void {
    const usesGpa = (fields: RecordFields) => 'gpa' in OPS[nameOf(fields)];
    for (let step = 2 ** 52; step >= BLOCK_BYTES; step /= 2) {
      const movable = (fields: RecordFields) => usesGpa(fields) && fields.address >= step;
      if (!this.#plan.ops.some(movable)) continue;
      this.#acceptOps(
        this.#plan.ops.map((fields) => (movable(fields) ? { ...fields, address: fields.address - step } : fields)),
      );
    }
  }

  /** Random knobs become a preset where one will do, else as few as possible differ from mainline-6.18. */
  simplifyPolicy(): void {
    if (Object.hasOwn(PRESETS, this.#plan.policy)) return;
    for (const policy of PRESET_NAMES)
      if (this.#accept({ ...this.#plan, policy, knobs: PRESETS[policy].knobs })) return;
    const base = PRESETS['mainline-6.18'].knobs;
    for (const name of KNOB_NAMES) {
      const { knobs } = this.#plan;
      if (knobs[name] !== base[name]) this.#accept({ ...this.#plan, knobs: { ...knobs, [name]: base[name] } });
    }
  }

  simplifyHost(): void {
    for (const blocks of MEMORY_BLOCKS) {
      const memoryBytes = blocks * BLOCK_BYTES;
      if (memoryBytes < this.#plan.memoryBytes && this.#accept({ ...this.#plan, memoryBytes })) break;
    }
    if (this.#plan.seed !== 0) this.#accept({ ...this.#plan, seed: 0 });
    // As `gmem replay` decides it: contents are kept when some op reads them.
    const contents = this.#plan.ops.some((fields) => nameOf(fields).endsWith('-read'));
    if (this.#plan.contents !== contents) this.#accept({ ...this.#plan, contents });
  }
}

/** Simpler values to try instead of `value`, simplest first; each costs strictly less, so that the search ends. */
function simpler(value: number): number[] {
  const towards = (unit: number) => Math.sign(value) * (Math.abs(value) - (Math.abs(value) % unit));
  const half = towards(PAGE_BYTES) / 2;
  const candidates = [
    0,
    1,
    PAGE_BYTES,
    BLOCK_BYTES,
    towards(BLOCK_BYTES),
    towards(PAGE_BYTES),
    half - (half % PAGE_BYTES),
  ];
  return [...new Set(candidates.map((number) => number + 0))].filter((number) => cost(number) < cost(value));
}

function opCost(fields: RecordFields): number {
  const blank = blankFields();
  const keys = (Object.keys(blank) as (keyof RecordFields)[]).filter((key) => key !== 'kind');
  return 1000 + keys.reduce((sum, key) => sum + cost(fields[key]), 0);
}

/** How much there is to think about in a number. */
function cost(value: number): number {
  const size = Math.abs(value);
  const sign = value < 0 ? 5 : 0;
  if (size === 0) return 0;
  if (size === 1) return 1 + sign;
  if (size === PAGE_BYTES) return 2 + sign;
  const unit = size % BLOCK_BYTES === 0 ? 3 : size % PAGE_BYTES === 0 ? 10 : size < 512 ? 4 : 30;
  return unit + sign + Math.log2(size) / 8;
}
