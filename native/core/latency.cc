#include "core/latency.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace gmem {

namespace {

uint64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

// What two readings in a row are apart, at least.
uint64_t clock_cost_ns() {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (int i = 0; i < 256; ++i) {
    const uint64_t begin = now_ns();
    least = std::min(least, now_ns() - begin);
  }
  return least;
}

}  // namespace

LatencySampler::LatencySampler(uint32_t every)
    : kinds_(spec::kOpKinds), clock_ns_(clock_cost_ns()), every_(every), left_(every - 1) {}

void LatencySampler::run(Engine& engine, const spec::OpRecord* ops, uint64_t count, spec::OutcomeRecord* outcomes) {
  for (uint64_t i = 0; i < count;) {
    spec::OutcomeRecord* const into = outcomes == nullptr ? nullptr : outcomes + i;
    if (left_ > 0) {
      const uint64_t together = std::min<uint64_t>(left_, count - i);
      engine.run(ops + i, together, into);
      left_ -= static_cast<uint32_t>(together);
      i += together;
      continue;
    }
    run_sampled(engine, ops[i], into);
    ++i;
  }
}

uint64_t LatencySampler::run_until_long(Engine& engine, const spec::OpRecord* ops, uint64_t count,
                                        spec::OutcomeRecord* outcomes) {
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < count;) {
    spec::OutcomeRecord* const into = outcomes == nullptr ? nullptr : outcomes + i;
    if (left_ > 0) {
      const uint64_t together = std::min<uint64_t>(left_, count - i);
      const uint64_t ran = engine.run_until_long(ops + i, together, into);
      left_ -= static_cast<uint32_t>(ran);
      i += ran;
      if (ran < together) return i;
    } else {
      if (engine.takes_long(ops[i])) return i;
      run_sampled(engine, ops[i], into);
      ++i;
    }
    if (std::chrono::steady_clock::now() - begin >= Engine::kLongTime) return i;
  }
  return count;
}

void LatencySampler::ran_elsewhere(spec::OpKind kind, uint64_t took_ns) {
  if (left_ > 0) {
    --left_;
  } else {
    add(static_cast<size_t>(kind), took_ns);
  }
}

void LatencySampler::run_sampled(Engine& engine, const spec::OpRecord& op, spec::OutcomeRecord* outcome) {
  const uint64_t begin = now_ns();
  engine.run(&op, 1, outcome);
  const uint64_t took = now_ns() - begin;
  add(op.kind, took);
}

void LatencySampler::add(size_t kind, uint64_t took_ns) {
  if (kind < spec::kOpKinds) kinds_[kind].add(took_ns - std::min(took_ns, clock_ns_));
  left_ = every_ - 1;
}

}  // namespace gmem
