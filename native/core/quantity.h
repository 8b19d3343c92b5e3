// The f64 quantities of op records as integers.
#pragma once

#include <cstdint>

namespace gmem {

// Every safe integer as it is; what a record can hold beyond that (it was not made by the encoder) as the nearest of
// +-2^53, and a NaN as -1, so that sums of two quantities never overflow.
inline int64_t quantity(double value) {
  constexpr double kLimit = 9007199254740992.0;
  if (value >= -kLimit && value <= kLimit) return static_cast<int64_t>(value);
  if (value > 0) return static_cast<int64_t>(kLimit);
  return value < 0 ? -static_cast<int64_t>(kLimit) : -1;
}

}  // namespace gmem
