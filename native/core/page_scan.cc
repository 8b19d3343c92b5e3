#include "core/page_scan.h"

#include <algorithm>
#include <type_traits>

namespace gmem {

static_assert(std::is_standard_layout_v<BlockWord> && sizeof(BlockWord) == sizeof(uint32_t),
              "a block word is read as the integer it holds");

template <class Visit>
void PageScan::for_each_touched(uint64_t first, uint64_t end, Visit visit) const {
  const auto* words = reinterpret_cast<const uint32_t*>(map_.all_words());
  for (uint64_t block = map_.next_touched(first, end); block < end;) {
    const uint64_t region_end = std::min(end, (block / kRegionBlocks + 1) * kRegionBlocks);
    visit(words + block, region_end - block);
    block = map_.next_touched(region_end, end);
  }
}

// Bits that the lines of the blocks hold, where the words look as `wanted`.
uint64_t PageScan::in_lines(uint64_t first, uint64_t end, bool alone, const Bitmap512* pool, WordPattern wanted) const {
  if (alone && first == 0 && end == map_.blocks()) return simd_.count(pool, map_.lines().high_water());
  uint64_t pages = 0;
  uint32_t numbers[kRegionBlocks + 15];
  for_each_touched(first, end, [&](const uint32_t* words, uint64_t n) {
    const uint64_t lines = simd_.select(words, n, wanted, BlockWord::kLocationShift, numbers);
    pages += simd_.count_listed(pool, numbers, lines);
  });
  return pages;
}

uint64_t PageScan::present(uint64_t first, uint64_t end, bool alone) const {
  uint64_t runs = 0;
  for_each_touched(first, end, [&](const uint32_t* words, uint64_t n) {
    runs += n - simd_.count_words(words, n, BlockWord::no_run());
  });
  return runs * kBlockPages + in_lines(first, end, alone, map_.lines().all_present(), BlockWord::with_pages_in_line());
}

uint64_t PageScan::marked(uint64_t first, uint64_t end, bool alone) const {
  uint64_t whole = 0;
  for_each_touched(first, end, [&](const uint32_t* words, uint64_t n) {
    whole += simd_.count_words(words, n, BlockWord::wholly_marked());
  });
  return whole * kBlockPages + in_lines(first, end, alone, map_.lines().all_marked(), BlockWord::with_line());
}

uint64_t PageScan::small_leaves(uint64_t first, uint64_t end, bool alone) const {
  return in_lines(first, end, alone, map_.lines().all_leaves(), BlockWord::with_line());
}

}  // namespace gmem
