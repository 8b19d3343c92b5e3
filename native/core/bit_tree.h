// A set of numbers below a fixed capacity as a 64-ary tree of bitmaps: bit i of a word on level n+1 says that word i of
// level n has a bit set. set and clear touch a second level only when a word becomes or stops being zero; finding the
// lowest member is one count-trailing-zeros a level (three at 512 GiB of 2M blocks).
#pragma once

#include <bit>
#include <cstdint>

#include "core/sync.h"
#include "core/virtual_array.h"

namespace gmem {

class BitTree {
 public:
  static constexpr uint64_t kNone = ~uint64_t{0};

  BitTree() : BitTree(0) {}
  // Throws std::bad_alloc when the address space does not allow it.
  explicit BitTree(uint64_t capacity) {
    uint64_t total = 0;
    uint64_t words = capacity;
    do {
      words = words / 64 + (words % 64 != 0);
      if (words == 0) words = 1;
      first_word_[levels_] = total;
      words_of_[levels_] = words;
      total += words;
      ++levels_;
    } while (words > 1);
    words_ = VirtualArray<uint64_t>(total);
  }

  bool test(uint64_t i) const { return (words_[i >> 6] >> (i & 63)) & 1; }

  void set(uint64_t i) {
    uint64_t& word = words_[i >> 6];
    const uint64_t before = word;
    word = before | uint64_t{1} << (i & 63);
    if (before == 0) set_above(i >> 6);
  }

  void clear(uint64_t i) {
    uint64_t& word = words_[i >> 6];
    word &= ~(uint64_t{1} << (i & 63));
    if (word == 0) clear_above(i >> 6);
  }

  // Removes the lowest of the 64 members from word_index * 64 on and returns it. REQUIRES: there is one. What is stored
  // where does not hang on which one it is, so that a call need not wait for the load of the one before.
  uint64_t take_lowest(uint64_t word_index) {
    uint64_t& word = words_[word_index];
    const uint64_t before = word;
    word = before & (before - 1);
    if (word == 0) [[unlikely]]
      clear_above(word_index);
    return (word_index << 6) + static_cast<uint64_t>(std::countr_zero(before));
  }
  // Removes the lowest of the same 64, at most `most` of them, and returns them as bits.
  uint64_t take_some(uint64_t word_index, uint32_t most) {
    uint64_t& word = words_[word_index];
    const uint64_t before = word;
    if (most >= 64) {
      word = 0;
    } else {
      for (uint32_t i = 0; i < most; ++i) word &= word - 1;
    }
    if (word == 0 && before != 0) clear_above(word_index);
    return before & ~word;
  }

  // As set, where several lanes set members and none is cleared; what first and next say is right once they are done.
  void set_shared(uint64_t i) {
    for (uint32_t level = 0; level < levels_; ++level) {
      if (set_bits_shared(words_[first_word_[level] + (i >> 6)], uint64_t{1} << (i & 63)) != 0) return;
      i >>= 6;
    }
  }
  bool test_shared(uint64_t i) const { return (load_shared(words_[i >> 6]) >> (i & 63)) & 1; }

  // Lowest member, or kNone.
  uint64_t first() const {
    if (at(levels_ - 1, 0) == 0) return kNone;
    return descend(levels_, 0);
  }

  // Lowest member at or after `from`, or kNone.
  uint64_t next(uint64_t from) const {
    uint64_t i = from;
    for (uint32_t level = 0; level < levels_; ++level) {
      const uint64_t word_index = i >> 6;
      if (word_index >= words_of_[level]) return kNone;
      const uint64_t word = at(level, word_index) & (~uint64_t{0} << (i & 63));
      if (word != 0) return descend(level, (word_index << 6) + static_cast<uint64_t>(std::countr_zero(word)));
      i = word_index + 1;
    }
    return kNone;
  }

  // Lowest member among the 64 numbers that `i` is one of, or kNone.
  uint64_t first_near(uint64_t i) const {
    const uint64_t word = words_[i >> 6];
    return word == 0 ? kNone : (i & ~uint64_t{63}) + static_cast<uint64_t>(std::countr_zero(word));
  }

  // 64 members from a multiple of 64, as bits.
  uint64_t word(uint64_t word_index) const { return words_[word_index]; }

 private:
  static constexpr uint32_t kMostLevels = 11;  // 64^11 is beyond any number of 64 bits

  uint64_t at(uint32_t level, uint64_t word_index) const { return words_[first_word_[level] + word_index]; }
  // From member i of `level` to the lowest number below it.
  uint64_t descend(uint32_t level, uint64_t i) const {
    while (level-- > 0) i = (i << 6) + static_cast<uint64_t>(std::countr_zero(at(level, i)));
    return i;
  }
  [[gnu::noinline]] void set_above(uint64_t i) {
    for (uint32_t level = 1; level < levels_; ++level) {
      uint64_t& word = words_[first_word_[level] + (i >> 6)];
      const uint64_t before = word;
      word = before | uint64_t{1} << (i & 63);
      if (before != 0) return;
      i >>= 6;
    }
  }
  [[gnu::noinline]] void clear_above(uint64_t i) {
    for (uint32_t level = 1; level < levels_; ++level) {
      uint64_t& word = words_[first_word_[level] + (i >> 6)];
      word &= ~(uint64_t{1} << (i & 63));
      if (word != 0) return;
      i >>= 6;
    }
  }

  VirtualArray<uint64_t> words_;           // all levels, the lowest first
  uint64_t first_word_[kMostLevels] = {};  // of each level
  uint64_t words_of_[kMostLevels] = {};
  uint32_t levels_ = 0;
};

}  // namespace gmem
