// A very small benchmark runner. A benchmark sets its state up, then hands the part to be timed to Timer::measure, as
// often as it has phases; each phase is a line of the table: nanoseconds an operation, the median over the repetitions.
// A figure that is no time (bytes) is a line too.
//
//   gmem_core_bench [--json] [--repeat N] [part of a name ...]
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace gmem::bench {

enum class Unit : uint8_t { kNanoseconds, kBytes };

// Nanoseconds an operation of one phase, or bytes; one sample a repetition.
struct Phase {
  std::string name;
  Unit unit = Unit::kNanoseconds;
  uint64_t operations = 0;
  std::vector<double> samples;
};

class Timer {
 public:
  // Runs `work` and books it as `operations` operations of the phase. Several calls in one repetition add up.
  template <class Work>
  void measure(const char* phase, uint64_t operations, Work work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const auto end = std::chrono::steady_clock::now();
    book(phase, Unit::kNanoseconds, operations, std::chrono::duration<double, std::nano>(end - begin).count());
  }
  // Books bytes, once a repetition.
  void figure(const char* name, double bytes) { book(name, Unit::kBytes, 1, bytes); }
  // Ends a repetition: what was booked becomes a sample a phase. `keep` false: the warm-up.
  void finish_repetition(bool keep);
  const std::vector<Phase>& phases() const { return phases_; }

 private:
  struct Booked {
    uint64_t operations = 0;
    double amount = 0;
  };
  void book(const char* phase, Unit unit, uint64_t operations, double amount);

  std::vector<Phase> phases_;
  std::vector<Booked> booked_;
};

using Body = void (*)(Timer&);

struct Registration {
  Registration(const char* name, Body body);
};

// Keeps a result alive that nothing else looks at.
inline void keep(uint64_t value) { asm volatile("" : : "r"(value) : "memory"); }

// Bijection of [0, 2^bits): every number once, in an order no prefetcher follows.
inline uint64_t scrambled(uint64_t i, uint32_t bits) {
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  const uint32_t half = (bits + 1) / 2;
  for (const uint64_t odd : {0x9e3779b97f4a7c15U, 0xbf58476d1ce4e5b9U}) {
    i = (i * odd) & mask;
    i ^= i >> half;
  }
  return i;
}

}  // namespace gmem::bench

#define BENCH(name)                                                                   \
  static void bench_##name(::gmem::bench::Timer& timer);                              \
  static const ::gmem::bench::Registration registration_##name(#name, &bench_##name); \
  static void bench_##name(::gmem::bench::Timer& timer)
