/**
 * The ops of a planned scenario, made while they are read: a guest of a TiB takes as much memory here as one of a GiB.
 */
import type { OpChunk, OpSource } from '../ops/source.js';
import { Emitter } from './emitter.js';
import type { Plan, PlannedGuest } from './plan.js';
import { Random } from './random.js';

export class ScenarioOps implements OpSource {
  readonly makesGuests = true;
  readonly #plan: Plan;
  #length: number | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Counted by going through the ops once, at the first question. */
  get length(): number {
    if (this.#length === undefined) {
      let length = 0;
      for (const { stream } of this.chunks()) length += stream.length;
      this.#length = length;
    }
    return this.#length;
  }

  *chunks(): Generator<OpChunk> {
    const out = new Emitter();
    for (const _ of runPlan(this.#plan, out)) {
      yield { stream: out.stream, start: out.start };
      out.next();
    }
    if (out.stream.length > 0) yield { stream: out.stream, start: out.start };
  }
}

/** Every round's phases; round r's guest g is VM and file r × guests + g. */
function* runPlan(plan: Plan, out: Emitter): Generator<void> {
  const { guests, rounds, steps, seed } = plan;
  for (let round = 0; round < rounds; round += 1) {
    const running = new Set<number>();
    const turnTo = (g: number): void => {
      const id = round * guests.length + g;
      out.guest = { vm: id, gmem: id };
    };
    for (const step of steps) {
      turnTo(step.guest);
      if (!running.has(step.guest)) {
        if (out.full) yield;
        start(guests[step.guest] as PlannedGuest, out);
        running.add(step.guest);
      }
      yield* step.run(out, new Random(seed, step.guest, step.phase, round));
      if (step.ends) running.delete(step.guest);
    }
    if (round === rounds - 1) return;
    for (const g of running) {
      if (out.full) yield;
      turnTo(g);
      out.shutdown();
    }
  }
}

function start(guest: PlannedGuest, out: Emitter): void {
  out.create(guest.memory.bytes, guest.flags);
  for (const [slot, { start: gpa, end }] of guest.memory.slots().entries()) {
    out.bind(slot, gpa, end - gpa, guest.memory.offsetOf(gpa));
  }
}
