// A set of numbers below a fixed capacity as a 64-ary tree of bitmaps: bit i of a word on level n+1 says that word i of
// level n has a bit set. set and clear touch a second level only when a word becomes or stops being zero; finding the
// lowest member is one count-trailing-zeros a level (three at 512 GiB of 2M blocks).
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "core/virtual_array.h"

namespace gmem {

class BitTree {
 public:
  static constexpr uint64_t kNone = ~uint64_t{0};

  BitTree() = default;
  explicit BitTree(uint64_t capacity) {
    uint64_t words = capacity;
    do {
      words = (words + 63) / 64;
      levels_.emplace_back(words == 0 ? 1 : words);
    } while (words > 1);
  }

  bool test(uint64_t i) const { return (levels_[0][i >> 6] >> (i & 63)) & 1; }

  void set(uint64_t i) {
    for (auto& level : levels_) {
      uint64_t& word = level[i >> 6];
      const uint64_t before = word;
      word = before | uint64_t{1} << (i & 63);
      if (before != 0) return;
      i >>= 6;
    }
  }

  void clear(uint64_t i) {
    for (auto& level : levels_) {
      uint64_t& word = level[i >> 6];
      word &= ~(uint64_t{1} << (i & 63));
      if (word != 0) return;
      i >>= 6;
    }
  }

  // Lowest member, or kNone.
  uint64_t first() const {
    if (levels_.back()[0] == 0) return kNone;
    uint64_t i = 0;
    for (size_t level = levels_.size(); level-- > 0;) {
      i = (i << 6) + static_cast<uint64_t>(std::countr_zero(levels_[level][i]));
    }
    return i;
  }

  // Lowest member at or after `from`, or kNone.
  uint64_t next(uint64_t from) const {
    size_t level = 0;
    uint64_t i = from;
    while (level < levels_.size()) {
      const uint64_t word_index = i >> 6;
      if (word_index >= levels_[level].capacity()) return kNone;
      const uint64_t word = levels_[level][word_index] & (~uint64_t{0} << (i & 63));
      if (word != 0) {
        i = (word_index << 6) + static_cast<uint64_t>(std::countr_zero(word));
        while (level-- > 0) i = (i << 6) + static_cast<uint64_t>(std::countr_zero(levels_[level][i]));
        return i;
      }
      i = word_index + 1;
      ++level;
    }
    return kNone;
  }

  // 64 members from a multiple of 64, as bits.
  uint64_t word(uint64_t word_index) const { return levels_[0][word_index]; }

 private:
  std::vector<VirtualArray<uint64_t>> levels_;
};

}  // namespace gmem
