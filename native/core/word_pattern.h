// What a word must look like for a scan to take it.
#pragma once

#include <cstdint>

namespace gmem {

struct WordPattern {
  uint32_t mask;
  uint32_t value;
  constexpr bool matches(uint32_t word) const { return (word & mask) == value; }
};

}  // namespace gmem
