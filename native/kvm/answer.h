// Outcome records of the kvm engine; quantities are read and values put in as the simulated engine does.
#pragma once

#include <cstdint>

#include "core/outcome.h"
#include "core/quantity.h"
#include "spec.gen.h"

namespace gmem::kvm {

inline spec::OutcomeRecord answer(int error) {
  spec::OutcomeRecord out{};
  out.errno_number = static_cast<uint16_t>(error);
  return out;
}

}  // namespace gmem::kvm
