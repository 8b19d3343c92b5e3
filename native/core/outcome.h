// Filling outcome records.
#pragma once

#include "spec.gen.h"

namespace gmem {

inline void set_value(spec::OutcomeRecord& out, int position, double value) {
  out.values[position] = value;
  out.has = static_cast<uint8_t>(out.has | 1U << position);
}

inline void set_exit(spec::OutcomeRecord& out, spec::Exit exit) { out.exit = static_cast<uint8_t>(exit); }

}  // namespace gmem
