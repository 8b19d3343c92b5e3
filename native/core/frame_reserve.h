// Frames a lane has taken from the allocator in bulk, so that it hands them out without a lock.
//
// Stored, for each mobility: one block and the bits of its frames that are the lane's to hand out, and a few whole free
// blocks; and huge pages of the pool. Always: what is here counts as used in Frames (or as taken in Pool) until it is
// given back, and belongs to no file.
#pragma once

#include <algorithm>
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
  // Whole blocks taken at once: few at first, then twice as many with every refill, until they are given back. A refill
  // takes half a dozen cache lines away from whoever refilled last, and what that costs differs much between machines;
  // to take and give back what is not needed costs as well.
  static constexpr uint32_t kFewAtOnce = 64;
  static constexpr uint32_t kMostAtOnce = 1024;
  static constexpr uint32_t kMostHugePagesAtOnce = 64;
  // Most blocks that a reserve keeps from others: whole ones, and one broken for frames, of either mobility.
  static constexpr uint64_t most_blocks(uint32_t at_once) { return 2 * (uint64_t{at_once} + 1); }

  void take_at_once(uint32_t blocks, uint32_t huge_pages) {
    at_once_ = blocks;
    huge_pages_at_once_ = huge_pages;
  }

  // Each takes from what is here and answers false when nothing is.
  bool take_page(Mobility mobility, Pfn& pfn) {
    PartBlock& part = parts_[at(mobility)];
    if (part.word == 0 && !next_word(part)) [[unlikely]]
      return false;
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
    const uint32_t wanted = std::min(at_once_, now_);
    now_ = std::min(2 * now_, kMostAtOnce);
    return whole_[at(mobility)].fetch(wanted, [&](uint32_t most, uint64_t& group, uint64_t& units) {
      return frames.take_blocks(mobility, most, group, units);
    });
  }
  bool fetch_huge_pages(Pool& pool) {
    return huge_.fetch(huge_pages_at_once_, [&](uint32_t most, uint64_t& group, uint64_t& units) {
      return pool.take_unreserved(most, group, units);
    });
  }

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
    now_ = kFewAtOnce;
  }

 private:
  struct PartBlock {
    uint64_t block = 0;
    uint64_t word = 0;  // what is left of the word now handed out; it is zero in `free`
    uint32_t word_index = 0;
    Bitmap512 free = {};
  };
  // Blocks, or huge pages, out of aligned runs of 64 each: the number of a run, and the bits of those left of it.
  // Handed out in the order they came. Always: the runs from `next` on have some left, and so has the current one
  // unless all are handed out.
  struct Units {
    static constexpr uint32_t kMostRuns = kMostAtOnce / 64;
    uint64_t group = 0;
    uint64_t left = 0;
    uint32_t next = 0;
    uint32_t runs = 0;
    uint64_t groups[kMostRuns];
    uint64_t units[kMostRuns];

    bool take(uint32_t order, Pfn& first) {
      if (left == 0) return false;
      first = {((group << 6) + static_cast<uint64_t>(std::countr_zero(left))) << order};
      left &= left - 1;
      if (left == 0) [[unlikely]]
        turn_to_next();
      return true;
    }
    [[gnu::noinline]] void turn_to_next() {
      if (next == runs) return;
      group = groups[next];
      left = units[next++];
    }
    // REQUIRES: all are handed out. `source(most, group, units)` takes some of one run, or answers false.
    template <class Source>
    bool fetch(uint32_t wanted, Source source) {
      next = runs = 0;
      for (uint32_t got = 0; got < wanted && runs < kMostRuns; ++runs) {
        if (!source(wanted - got, groups[runs], units[runs])) break;
        got += static_cast<uint32_t>(std::popcount(units[runs]));
      }
      turn_to_next();
      return left != 0;
    }
  };

  static size_t at(Mobility mobility) { return static_cast<size_t>(mobility); }
  [[gnu::noinline]] static bool next_word(PartBlock& part) {
    while (++part.word_index < Bitmap512::kWords) {
      part.word = part.free.words[part.word_index];
      part.free.words[part.word_index] = 0;
      if (part.word != 0) return true;
    }
    part.word_index = 0;
    return false;
  }

  uint32_t at_once_ = kMostAtOnce;
  uint32_t now_ = kFewAtOnce;  // of those, at the next refill
  uint32_t huge_pages_at_once_ = kMostHugePagesAtOnce;
  PartBlock parts_[2];
  Units whole_[2];
  Units huge_;
};

}  // namespace gmem
