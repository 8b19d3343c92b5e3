// One measurement, and the clocks it is taken with.
#pragma once

#include <time.h>

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace gmem::calibrate {

// `nanoseconds` an event, the mean over `events` of them in a row; or why there is none.
struct Sample {
  double nanoseconds = 0;
  uint32_t events = 0;
  int errno_number = 0;
  // Static text: what this host lacks or refused.
  const char* lacks = nullptr;
};

inline Sample lacking(const char* what, int error) {
  Sample out;
  out.lacks = what;
  out.errno_number = error;
  return out;
}

inline uint64_t now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// The processor's own clock; 0 where this program knows none.
inline uint64_t processor_ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return 0;
#endif
}

// Times `work`, which does `events` events.
template <class Work>
Sample timed(uint64_t events, Work&& work) {
  const uint64_t start = now_ns();
  work();
  const uint64_t took = now_ns() - start;
  Sample out;
  out.events = static_cast<uint32_t>(events);
  out.nanoseconds = static_cast<double>(took) / static_cast<double>(events);
  return out;
}

}  // namespace gmem::calibrate
