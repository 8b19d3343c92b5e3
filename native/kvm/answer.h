// Outcome records, put together one value at a time.
#pragma once

#include <cstdint>

#include "spec.gen.h"

namespace gmem::kvm {

// Quantities of an op are safe integers kept as doubles; whatever else a record holds becomes the nearest one, NaN 0,
// so that no sum of two of them overflows.
inline int64_t integer(double quantity) {
  constexpr double kMost = 9007199254740991.0;
  if (!(quantity > -kMost)) return quantity < 0 ? static_cast<int64_t>(-kMost) : 0;
  return static_cast<int64_t>(quantity < kMost ? quantity : kMost);
}

inline spec::OutcomeRecord answer(int error) {
  spec::OutcomeRecord out{};
  out.errno_number = static_cast<uint16_t>(error);
  return out;
}

inline void value(spec::OutcomeRecord& out, int position, double number) {
  out.has = static_cast<uint8_t>(out.has | (1u << position));
  out.values[position] = number;
}

}  // namespace gmem::kvm
