/**
 * Runs ops on one engine with the taint model beside it. Every read is checked against the model; every write carries a byte
 * of its own, so that a stale byte names its writer.
 */
import assert from 'node:assert/strict';
import type { Backend } from '../../lib/engine/backend.js';
import { type Outcome, OutcomeRecords } from '../../lib/ops/outcomes.js';
import type { OpName } from '../../lib/spec/ops.js';
import { NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS } from '../../lib/spec/page-view.js';
import { PAGE_BYTES } from '../../lib/spec/units.js';
import type { Engine } from './differential.js';
import { type Keys, linesOf, nameOf, op, recordsOf } from './ops.js';
import type { TestPolicy } from './policies.js';
import { TaintModel, type TaintPage } from './taint-model.js';

const BYTES = 255;

export class TaintedRun {
  readonly model: TaintModel;
  /** A partial punch of a huge folio splits it, or is refused by a reference. */
  readonly splitsPunched: boolean;
  /** Reads that succeeded, and those of them that had to return an owner's bytes. */
  checked = 0;
  tainted = 0;
  readonly #backend: Backend;
  readonly #tdx: boolean;
  readonly #log: string[] = [];
  readonly #writers: string[] = [];
  #next = 0;

  constructor(engine: Engine, policy: TestPolicy, memoryBytes: number) {
    const { knobs, arch } = policy;
    this.splitsPunched = knobs.punch === 'split';
    this.#tdx = arch === 'tdx';
    const rest = { contents: true, seed: 0, residentLimitBytes: 2 ** 30 };
    this.#backend = engine.create({ knobs, arch, memoryBytes, ...rest });
    this.model = new TaintModel(knobs, arch, (gmem, index) => this.pfn(gmem, index) !== NO_PFN);
  }

  run(name: OpName, keys: Keys = {}): Outcome {
    const fields = op(name, keys);
    const outcomes = new OutcomeRecords(1);
    const mapped = this.#tdx ? this.model.mayUnmap(fields).filter((page) => this.#mapped(page)) : [];
    this.#backend.run(recordsOf([fields]).bytes, 0, 1, outcomes.bytes);
    const outcome = outcomes.decode(0, name);
    this.#log.push(...linesOf([fields]));
    for (const page of mapped) if (!this.#mapped(page)) this.model.lose(page);
    if (name.endsWith('-read')) this.#check(fields, outcome);
    else this.model.apply(fields, { ok: outcome.ok && outcome.mmio !== true, done: outcome.done ?? 0 });
    return outcome;
  }

  /** A write, or populate, with a byte no earlier owner of these pages used. */
  taint(name: 'guest-write' | 'host-write' | 'vmm-write' | 'populate', keys: Keys): Outcome {
    const byte = 1 + (this.#next % BYTES);
    this.#next += 1;
    this.#writers[byte] = `${name} ${JSON.stringify(keys)}`;
    return this.run(name, { ...keys, [name === 'populate' ? 'fill' : 'byte']: byte });
  }

  pfn(gmem: number, index: number): number {
    const words = new Uint32Array(5);
    assert.ok(this.#backend.pageView(gmem, index, 1, words));
    return words[0] as number;
  }

  /** The page has a leaf. */
  #mapped({ gmem, index }: TaintPage): boolean {
    const words = new Uint32Array(PAGE_VIEW_WORDS);
    this.#backend.pageView(gmem, index, 1, words);
    return ((words[PAGE_VIEW.bits] as number) & (PAGE_BIT.leaf4k | PAGE_BIT.leaf2m | PAGE_BIT.leaf1g)) !== 0;
  }

  /** Invariants at the end. */
  end(): void {
    assert.deepEqual(this.#backend.verify(), [], this.#log.join('\n'));
    this.#backend.close();
  }

  #check(fields: Parameters<typeof nameOf>[0], outcome: Outcome): void {
    if (!outcome.ok || outcome.mmio === true) return;
    const expected = this.model.expected(fields);
    const values = new Set(expected);
    const [first] = expected;
    const right = values.size === 1 ? outcome.byte === first : outcome.mixed === true;
    this.checked += 1;
    if ([...values].some((byte) => byte !== 0)) this.tainted += 1;
    if (right) return;
    const writer = outcome.byte === undefined ? '' : ` (last written by ${this.#writers[outcome.byte] ?? 'nobody'})`;
    const got = outcome.mixed === true ? 'mixed bytes' : `byte ${outcome.byte}${writer}`;
    const wanted = [...values].join(', ');
    assert.fail(
      `${nameOf(fields)} at page ${fields.address / PAGE_BYTES}: ${got} instead of ${wanted}\n${this.#log.join('\n')}`,
    );
  }
}
