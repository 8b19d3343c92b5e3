// What a word must look like for a scan to take it.
#pragma once

#include <cstdint>

namespace gmem {

struct WordPattern {
  uint64_t mask;
  uint64_t value;
  constexpr bool matches(uint64_t word) const { return (word & mask) == value; }
};

}  // namespace gmem
