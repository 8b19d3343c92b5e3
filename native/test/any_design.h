// Designs out of all that the knobs allow.
#pragma once

#include "spec.gen.h"
#include "test/test.h"

namespace gmem::test {

// Any value of each knob, whether or not they go together.
inline spec::Knobs any_knobs(Random& random) {
  uint8_t positions[spec::kKnobs];
  for (size_t i = 0; i < spec::kKnobs; ++i) positions[i] = static_cast<uint8_t>(random.below(spec::kKnobValues[i]));
  spec::Knobs knobs;
  CHECK(spec::knobs_from_positions(positions, spec::kKnobs, knobs));
  return knobs;
}

}  // namespace gmem::test
