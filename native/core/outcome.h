// Filling outcome records.
#pragma once

#include "spec.gen.h"

namespace gmem {

inline void set_value(spec::OutcomeRecord& out, int position, double value) {
  out.values[position] = value;
  out.has = static_cast<uint8_t>(out.has | 1U << position);
}

// The first values at once, of an outcome that has none yet.
template <class... Value>
void set_first_values(spec::OutcomeRecord& out, Value... values) {
  int position = 0;
  ((out.values[position++] = static_cast<double>(values)), ...);
  out.has = (1U << sizeof...(values)) - 1;
}

inline void set_exit(spec::OutcomeRecord& out, spec::Exit exit) { out.exit = static_cast<uint8_t>(exit); }

}  // namespace gmem
