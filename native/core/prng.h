// xoshiro128** seeded by splitmix32: the named generator of the `pressure` op (docs/semantics.md section 3).
#pragma once

#include <bit>
#include <cstdint>

namespace gmem {

class Xoshiro128StarStar {
 public:
  explicit Xoshiro128StarStar(uint32_t seed) {
    for (uint32_t& word : state_) {
      seed += 0x9e3779b9U;
      uint32_t z = seed;
      z = (z ^ (z >> 16)) * 0x21f0aaadU;
      z = (z ^ (z >> 15)) * 0x735a2d97U;
      word = z ^ (z >> 15);
    }
  }

  uint32_t next() {
    const uint32_t result = std::rotl(state_[1] * 5U, 7) * 9U;
    const uint32_t shifted = state_[1] << 9;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 11);
    return result;
  }

 private:
  uint32_t state_[4];
};

}  // namespace gmem
