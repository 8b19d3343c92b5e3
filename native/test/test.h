// A very small test runner: TEST(name) { ... } registers a test, CHECK and CHECK_EQ record what does not hold and go
// on.
//
//   gmem_core_tests [--seed N] [part of a test name ...]
//
// Prints every failure with file, line and both operands, then `N passed, N failed`. Exit code 1 when a test failed or
// none ran. Randomness comes from Random, seeded by the number printed first, so that a failure can be repeated.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>

#include "core/units.h"

namespace gmem::test {

using Body = void (*)();

struct Registration {
  Registration(const char* name, Body body);
};

// Records a failure of the running test.
void fail(const char* file, int line, const std::string& what);
// True when the running test already failed; a fuzz loop stops there instead of repeating the same line.
bool failed();

// What a bound seed makes of the run's seed: every test draws its own numbers, whichever tests run beside it.
uint64_t seed_for(uint64_t purpose);

// splitmix64 (Steele, Lea, Flood 2014): not the generator under test.
class Random {
 public:
  explicit Random(uint64_t purpose) : state_(seed_for(purpose)) {}
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // Below `bound`, which is above zero.
  uint64_t below(uint64_t bound) { return next() % bound; }
  bool one_in(uint64_t n) { return below(n) == 0; }

 private:
  uint64_t state_;
};

template <class T>
std::string shown(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}
inline std::string shown(uint8_t value) { return shown(static_cast<unsigned>(value)); }
inline std::string shown(Pages value) { return shown(value.value); }
template <class Kind>
std::string shown(PageNumber<Kind> value) {
  return shown(value.value);
}

template <class A, class B>
void check_equal(const char* file, int line, const char* text, const A& a, const B& b) {
  if (!(a == b)) fail(file, line, std::string(text) + ": " + shown(a) + " against " + shown(b));
}

}  // namespace gmem::test

#define TEST(name)                                                                  \
  static void test_##name();                                                        \
  static const ::gmem::test::Registration registration_##name(#name, &test_##name); \
  static void test_##name()

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) ::gmem::test::fail(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQ(a, b) ::gmem::test::check_equal(__FILE__, __LINE__, #a " == " #b, (a), (b))
