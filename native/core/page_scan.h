// Counts over whole blocks of a page map: of present, marked (prepared) and singly mapped pages.
//
// Blocks that are uniform are counted by their words, the others by their lines. Where no other map has lines with such
// bits the pool of lines is counted as it lies in memory, whichever block each line belongs to; else the lines of these
// blocks are gathered.
#pragma once

#include <cstdint>

#include "core/page_map.h"
#include "core/simd.h"

namespace gmem {

class PageScan {
 public:
  PageScan(const PageMap& map, const SimdKernels& simd) : map_(map), simd_(simd) {}

  // Of blocks [first, end). `alone`: no other map of the same PageLines has such bits. REQUIRES: end <= map.blocks().
  uint64_t present(uint64_t first, uint64_t end, bool alone) const;
  uint64_t marked(uint64_t first, uint64_t end, bool alone) const;
  // Pages under a 4K leaf.
  uint64_t small_leaves(uint64_t first, uint64_t end, bool alone) const;

 private:
  // Calls visit(words, count) for the blocks of each touched region.
  template <class Visit>
  void for_each_touched(uint64_t first, uint64_t end, Visit visit) const;
  uint64_t in_lines(uint64_t first, uint64_t end, bool alone, const Bitmap512* pool, WordPattern wanted) const;

  const PageMap& map_;
  const SimdKernels& simd_;
};

}  // namespace gmem
