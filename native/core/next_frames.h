// Which frames of a block the next allocations take: its free frames, lowest first, listed some at a time, so that to
// take one is to read one number.
//
// Stored: the block, and the numbers in it of the next free frames, from the words of its free map as far as those were
// looked at. The map knows nothing of what was taken since: still_free() says which of its frames are left.
#pragma once

#include <bit>
#include <cstdint>

#include "core/bitmap512.h"
#include "core/units.h"

namespace gmem {

class NextFrames {
 public:
  static constexpr uint64_t kNoBlock = ~uint64_t{0};

  uint64_t block() const { return block_; }
  bool none_listed() const { return next_ == end_; }
  // REQUIRES: some are listed.
  Pfn take() { return Pfn::of_block(block_, frames_[next_++]); }

  // Begins with the lowest free frame of a block.
  void begin(uint64_t block) {
    forget();
    block_ = block;
  }
  void forget() {
    block_ = kNoBlock;
    next_ = end_ = word_ = 0;
  }
  // Lists the next ones. REQUIRES: none are listed; `map` is that of the block. False when the block has no more.
  bool list(const Bitmap512& map) {
    next_ = end_ = 0;
    while (end_ < kEnough && word_ < Bitmap512::kWords) list_word(map.words[word_], 64 * word_), ++word_;
    return end_ != 0;
  }
  // What of `map`, that of the block, was not taken.
  Bitmap512 still_free(const Bitmap512& map) const {
    return map & Bitmap512::range(none_listed() ? 64 * word_ : frames_[next_], kBlockPages);
  }

 private:
  // More than a block with few frames in random places has: whether there are enough is foreseen.
  static constexpr uint32_t kEnough = 32;
  // Of a word with so few frames, how many it has need not be foreseen.
  static constexpr uint32_t kFew = 4;

  void list_word(uint64_t word, uint32_t first) {
    uint16_t* const into = frames_ + end_;
    if (word == ~uint64_t{0}) {
      for (uint32_t i = 0; i < 64; ++i) into[i] = static_cast<uint16_t>(first + i);
      end_ += 64;
      return;
    }
    constexpr uint64_t kNever = uint64_t{1} << 63;  // for the count of zeros below, which has none to find in 0
    uint32_t n = 0;
    for (uint32_t i = 0; i < kFew; ++i, word &= word - 1) {
      into[n] = static_cast<uint16_t>(first + static_cast<uint32_t>(std::countr_zero(word | kNever)));
      n += word != 0 ? 1 : 0;
    }
    for (; word != 0; ++n, word &= word - 1) {
      into[n] = static_cast<uint16_t>(first + static_cast<uint32_t>(std::countr_zero(word)));
    }
    end_ += n;
  }

  uint64_t block_ = kNoBlock;
  uint32_t next_ = 0;
  uint32_t end_ = 0;
  uint32_t word_ = 0;  // the first of the map that was not looked at
  uint16_t frames_[kEnough + 64 + kFew];
};

}  // namespace gmem
