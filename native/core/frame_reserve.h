// Frames a lane has taken from the allocator in bulk, so that it hands them out without a lock.
//
// Stored, for each mobility: one block and the bits of its frames that are the lane's to hand out, and a few whole free
// blocks; and huge pages of the pool. Always: what is here counts as used in Frames (or as taken in Pool) until it is
// given back, and belongs to no file.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/bitmap512.h"
#include "core/frames.h"
#include "core/pool.h"
#include "core/units.h"

namespace gmem {

class FrameReserve {
 public:
  // Most whole blocks, or huge pages, taken at once.
  static constexpr uint32_t kMostAtOnce = 64;
  // Most blocks that a reserve keeps from others: whole ones, and one broken for frames, of either mobility.
  static constexpr uint64_t most_blocks(uint32_t at_once) { return 2 * (uint64_t{at_once} + 1); }

  void take_at_once(uint32_t blocks) { at_once_ = blocks; }

  // Each takes from what is here and answers false when nothing is.
  bool take_page(Mobility mobility, Pfn& pfn) {
    PartBlock& part = parts_[at(mobility)];
    if (part.word == 0 && !next_word(part)) return false;
    const auto bit = static_cast<uint32_t>(std::countr_zero(part.word));
    part.word &= part.word - 1;
    pfn = Pfn::of_block(part.block, part.word_index * 64 + bit);
    return true;
  }
  bool take_block(Mobility mobility, Pfn& first) { return whole_[at(mobility)].take(kBlockShift, first); }
  bool take_huge_page(uint32_t order, Pfn& first) { return huge_.take(order, first); }

  // Each fetches more from the allocator, whose lock the caller holds. False when there is no more.
  bool fetch_pages(Frames& frames, Mobility mobility) {
    PartBlock& part = parts_[at(mobility)];
    if (!frames.reserve_pages(mobility, part.block, part.free)) return false;
    part.word_index = 0;
    part.word = part.free.words[0];
    part.free.words[0] = 0;
    return true;
  }
  bool fetch_blocks(Frames& frames, Mobility mobility) {
    Units& whole = whole_[at(mobility)];
    return frames.take_blocks(mobility, at_once_, whole.group, whole.left);
  }
  bool fetch_huge_pages(Pool& pool) { return pool.take_unreserved(at_once_, huge_.group, huge_.left); }

  // Gives everything back.
  void give_back(Frames& frames, Pool& pool) {
    for (const Mobility mobility : {Mobility::kUnmovable, Mobility::kMovable}) {
      PartBlock& part = parts_[at(mobility)];
      part.free.words[part.word_index] |= part.word;
      part.word = 0;
      for (uint32_t i = part.free.next_set(0); i < kBlockPages; i = part.free.next_set(i + 1)) {
        frames.give_page(Pfn::of_block(part.block, i), mobility);
      }
      part.free.fill(false);
      for (Pfn first; whole_[at(mobility)].take(kBlockShift, first);) frames.give_block(first, mobility);
    }
    for (Pfn first; huge_.take(pool.order(), first);) pool.give(first);
  }

 private:
  struct PartBlock {
    uint64_t block = 0;
    uint64_t word = 0;  // what is left of the word now handed out; it is zero in `free`
    uint32_t word_index = 0;
    Bitmap512 free = {};
  };
  // Blocks, or huge pages, out of one aligned run of 64: the number of the run, and the bits of those left. Handed out
  // ascending.
  struct Units {
    uint64_t group = 0;
    uint64_t left = 0;

    bool take(uint32_t order, Pfn& first) {
      if (left == 0) return false;
      first = {((group << 6) + static_cast<uint64_t>(std::countr_zero(left))) << order};
      left &= left - 1;
      return true;
    }
  };

  static size_t at(Mobility mobility) { return static_cast<size_t>(mobility); }
  static bool next_word(PartBlock& part) {
    while (++part.word_index < Bitmap512::kWords) {
      part.word = part.free.words[part.word_index];
      part.free.words[part.word_index] = 0;
      if (part.word != 0) return true;
    }
    part.word_index = 0;
    return false;
  }

  uint32_t at_once_ = kMostAtOnce;
  PartBlock parts_[2];
  Units whole_[2];
  Units huge_;
};

}  // namespace gmem
