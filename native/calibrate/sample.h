// One measurement, and the clocks it is taken with.
#pragma once

#include <time.h>

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace gmem::calibrate {

// Nanoseconds an event, the mean over `events` of them in a row; or why there is none.
struct Sample {
  // Of this thread on a processor: what others ran meanwhile is not in it.
  double cpu_nanoseconds = 0;
  // From start to end: what the host below this one took is in it, and what others ran.
  double wall_nanoseconds = 0;
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

inline uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now;
  ::clock_gettime(clock, &now);
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
  const uint64_t cpu_start = now_ns(CLOCK_THREAD_CPUTIME_ID);
  work();
  const uint64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
  const uint64_t wall = now_ns() - start;
  Sample out;
  out.events = static_cast<uint32_t>(events);
  out.cpu_nanoseconds = static_cast<double>(cpu) / static_cast<double>(events);
  out.wall_nanoseconds = static_cast<double>(wall) / static_cast<double>(events);
  return out;
}

}  // namespace gmem::calibrate
