#include "core/frames.h"

#include <cassert>

namespace gmem {

namespace {
constexpr int index_of(Mobility mobility) { return static_cast<int>(mobility); }
constexpr Mobility other(Mobility mobility) {
  return mobility == Mobility::kMovable ? Mobility::kUnmovable : Mobility::kMovable;
}
}  // namespace

Frames::Frames(Pages end, Pages set_aside)
    : total_(end - set_aside),
      first_block_(set_aside.value >> kBlockShift),
      blocks_(end.value >> kBlockShift),
      free_blocks_(blocks_),
      partial_{BitTree(blocks_), BitTree(blocks_)},
      broken_regions_(regions()),
      region_free_blocks_(regions()),
      block_mobility_(blocks_),
      foreign_(blocks_),
      free_map_(blocks_) {
  for (uint64_t block = first_block_; block < blocks_; ++block) {
    free_blocks_.set(block);
    ++region_free_blocks_[block / kRegionBlocks];
  }
  for (uint64_t region = 0; region < regions(); ++region) {
    if (!region_complete(region) && region_free_blocks_[region] > 0) broken_regions_.set(region);
  }
}

bool Frames::region_free(uint64_t region) const {
  return region_complete(region) && region_free_blocks_[region] == kRegionBlocks;
}

bool Frames::is_free(Pfn pfn) const {
  const uint64_t block = pfn.block();
  if (free_blocks_.test(block)) return true;
  return is_partial(block) && free_map_[block].test(pfn.in_block());
}

void Frames::mark_block_used(uint64_t block) {
  const uint64_t region = block / kRegionBlocks;
  free_blocks_.clear(block);
  const uint16_t left = --region_free_blocks_[region];
  if (left == 0) {
    broken_regions_.clear(region);
  } else if (left == kRegionBlocks - 1) {
    broken_regions_.set(region);
  }
}

void Frames::mark_block_free(uint64_t block) {
  const uint64_t region = block / kRegionBlocks;
  free_blocks_.set(block);
  const uint16_t now = ++region_free_blocks_[region];
  if (now == kRegionBlocks) {
    broken_regions_.clear(region);
  } else if (now == 1) {
    broken_regions_.set(region);
  }
}

// Turns a wholly free block into a partial one with all its frames free.
void Frames::break_block(uint64_t block, Mobility mobility) {
  mark_block_used(block);
  block_mobility_[block] = mobility;
  foreign_[block] = 0;
  free_map_[block].fill(true);
  partial_[index_of(mobility)].set(block);
}

void Frames::take_from_partial(uint64_t block, uint32_t in_block, Mobility mobility) {
  Bitmap512& map = free_map_[block];
  assert(map.test(in_block));
  map.clear(in_block);
  const Mobility owner = block_mobility_[block];
  if (owner != mobility) ++foreign_[block];
  if (map.none()) partial_[index_of(owner)].clear(block);
  used_ = used_ + Pages{1};
}

bool Frames::take_page(Mobility mobility, Pfn& pfn) {
  uint64_t block = partial_[index_of(mobility)].first();
  if (block == BitTree::kNone) {
    block = free_blocks_.first();
    if (block != BitTree::kNone) {
      break_block(block, mobility);
    } else {
      block = partial_[index_of(other(mobility))].first();
      if (block == BitTree::kNone) return false;
    }
  }
  const uint32_t in_block = free_map_[block].next_set(0);
  take_from_partial(block, in_block, mobility);
  pfn = Pfn::of_block(block, in_block);
  return true;
}

bool Frames::take_block(Mobility mobility, Pfn& first) {
  uint64_t block;
  const uint64_t region = broken_regions_.first();
  if (region != BitTree::kNone) {
    block = free_blocks_.next(region * kRegionBlocks);
  } else {
    block = free_blocks_.first();
    if (block == BitTree::kNone) return false;
  }
  mark_block_used(block);
  block_mobility_[block] = mobility;
  foreign_[block] = 0;
  used_ = used_ + Pages{kBlockPages};
  first = Pfn::of_block(block);
  return true;
}

void Frames::take_exactly(Pfn pfn, Mobility mobility) {
  const uint64_t block = pfn.block();
  if (free_blocks_.test(block)) break_block(block, mobility);
  take_from_partial(block, pfn.in_block(), mobility);
}

void Frames::give_page(Pfn pfn, Mobility mobility) {
  const uint64_t block = pfn.block();
  const Mobility owner = block_mobility_[block];
  Bitmap512& map = free_map_[block];
  if (!partial_[index_of(owner)].test(block)) {
    // The block was full: its map says nothing yet.
    map.fill(false);
    partial_[index_of(owner)].set(block);
  }
  assert(!map.test(pfn.in_block()));
  map.set(pfn.in_block());
  if (owner != mobility) --foreign_[block];
  used_ = used_ - Pages{1};
  if (map.all()) {
    partial_[index_of(owner)].clear(block);
    mark_block_free(block);
  }
}

void Frames::give_block(Pfn first, [[maybe_unused]] Mobility mobility) {
  const uint64_t block = first.block();
  // A merged folio may lie in a block that the other class was first in.
  assert(foreign_[block] == (block_mobility_[block] == mobility ? 0 : kBlockPages) && !is_partial(block));
  mark_block_free(block);
  used_ = used_ - Pages{kBlockPages};
}

Pages Frames::stranded() const {
  uint64_t pages = 0;
  for (const Mobility owner : {Mobility::kUnmovable, Mobility::kMovable}) {
    const BitTree& tree = partial_[index_of(owner)];
    for (uint64_t block = tree.first(); block != BitTree::kNone; block = tree.next(block + 1)) {
      const uint32_t free = free_map_[block].count();
      const uint32_t foreign = foreign_[block];
      const uint32_t unmovable = owner == Mobility::kMovable ? foreign : kBlockPages - free - foreign;
      if (unmovable > 0) pages += free;
    }
  }
  return {pages};
}

Pages Frames::count_free() const {
  uint64_t pages = 0;
  for (uint64_t block = free_blocks_.first(); block != BitTree::kNone; block = free_blocks_.next(block + 1)) {
    pages += kBlockPages;
  }
  for (const BitTree& tree : partial_) {
    for (uint64_t block = tree.first(); block != BitTree::kNone; block = tree.next(block + 1)) {
      pages += free_map_[block].count();
    }
  }
  return {pages};
}

}  // namespace gmem
