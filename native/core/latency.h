// Times every k-th op of a run, and no other: a clock in every op would cost more than the op. Ops between two samples
// run in one batch; a sampled one runs alone, so what a batch does ahead for the ops to come is not done for it, and
// its time is that of the op by itself. The time that reading the clock takes is taken off.
//
// Invariant: of every `every` ops in a row exactly one is in a histogram, whatever the batches.
#pragma once

#include <cstdint>
#include <vector>

#include "core/engine.h"
#include "core/histogram.h"

namespace gmem {

class LatencySampler {
 public:
  // REQUIRES: every > 0.
  explicit LatencySampler(uint32_t every);

  // As Engine::run.
  void run(Engine& engine, const spec::OpRecord* ops, uint64_t count, spec::OutcomeRecord* outcomes);

  // As Engine::run_until_long. The op before which it stops may run elsewhere, and is told of then.
  uint64_t run_until_long(Engine& engine, const spec::OpRecord* ops, uint64_t count, spec::OutcomeRecord* outcomes);
  void ran_elsewhere(spec::OpKind kind, uint64_t took_ns);

  // Nanoseconds of the sampled ops of a kind.
  const Histogram& of(spec::OpKind kind) const { return kinds_[static_cast<size_t>(kind)]; }

 private:
  void run_sampled(Engine& engine, const spec::OpRecord& op, spec::OutcomeRecord* outcome);
  void add(size_t kind, uint64_t took_ns);

  std::vector<Histogram> kinds_;
  uint64_t clock_ns_;
  uint32_t every_;
  // Ops that run before the next sample.
  uint32_t left_;
};

}  // namespace gmem
