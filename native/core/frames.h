// The host's page frames: who is free, in 2M blocks.
//
// Stored: a tree of the wholly free blocks, a tree of the partial blocks of each class, a bit a block for its class,
// and a free map of every partial block. A wholly free or full block has no valid free map. Of each 1G region the
// number of wholly free blocks is kept, and a tree of the regions that are broken (not wholly free, or cut short by the
// end of memory) yet hold a free block.
//
// Always: free + used = total (without what a pool has set aside). A block has a class from its first allocation until
// it is wholly free again; `foreign` counts its used frames of the other class, and is 0 while it is wholly free.
//
// Where the next frame comes from is remembered, so that most calls look at one number or word: of a class the next
// free frames of its lowest partial block, or unknown (next_frames.h: what was taken of that block is still set in its
// map, and its last frame taken, it is still in the tree of the partial ones); the block hint is the word of the free
// tree with the lowest free block of the lowest broken region while that word is not zero, or unknown. Whatever could
// make them wrong makes them unknown.
//
// Placement is deterministic (docs/semantics.md section 3), so that two engines hand out the same pfns.
#pragma once

#include <cassert>
#include <cstdint>

#include "core/bit_tree.h"
#include "core/bitmap512.h"
#include "core/next_frames.h"
#include "core/units.h"
#include "core/virtual_array.h"

namespace gmem {

enum class Mobility : uint8_t { kUnmovable = 0, kMovable = 1 };

class Frames {
 public:
  // Frames [set_aside, end) of host memory, both whole numbers of blocks: what is below belongs to a pool.
  Frames(Pages end, Pages set_aside);

  // Takes one frame: lowest partial block of its class, lowest wholly free block, lowest partial block of the other
  // class. Returns false when no frame is free.
  bool take_page(Mobility mobility, Pfn& pfn);
  // Takes a wholly free block: lowest in a broken region, else lowest. Returns false when there is none.
  bool take_block(Mobility mobility, Pfn& first);
  // The same for as many as are asked for, at most 64, and lie in one aligned run of 64 blocks: `group` is the number
  // of the run, `blocks` the bits of those taken. Returns false when there is none.
  bool take_blocks(Mobility mobility, uint32_t most, uint64_t& group, uint64_t& blocks);
  // Takes every free frame of one block, where take_page would take the next one: for a caller that hands them out by
  // itself, and gives back (give_page) what it did not need. Returns false when no frame is free.
  bool reserve_pages(Mobility mobility, uint64_t& block, Bitmap512& frames);
  // Takes one particular frame. REQUIRES: it is free.
  void take_exactly(Pfn pfn, Mobility mobility);

  // REQUIRES: the frame is used and was taken with this mobility.
  void give_page(Pfn pfn, Mobility mobility);
  // The same for `count` frames, whose maps are asked for some frames ahead: in random order these are misses.
  void give_pages(const Pfn* pfns, uint64_t count, Mobility mobility);
  // REQUIRES: all 512 frames are used and were taken with this mobility, together or one by one.
  void give_block(Pfn first, Mobility mobility);

  Pages total() const { return total_; }
  Pages used() const { return used_; }
  bool is_free(Pfn pfn) const;
  // The free frames of a block.
  Bitmap512 free_bits(uint64_t block) const;
  // Lowest wholly free block at or after `from`, or BitTree::kNone.
  uint64_t next_free_block(uint64_t from) const { return free_blocks_.next(from); }
  // How many blocks are wholly free, as far as `enough`.
  uint64_t free_blocks(uint64_t enough) const;
  // True when all 512 blocks of a complete region are wholly free.
  bool region_free(uint64_t region) const;
  uint64_t regions() const { return (blocks_ + kRegionBlocks - 1) / kRegionBlocks; }

  // Free frames in partial blocks that hold an unmovable frame.
  Pages stranded() const;
  // Free frames, counted anew from the maps.
  Pages count_free() const;

 private:
  // Frames that are asked for while one is given.
  static constexpr uint64_t kGivenAhead = 24;

  bool is_partial(uint64_t block) const { return partial_[0].test(block) || partial_[1].test(block); }
  Mobility class_of(uint64_t block) const { return static_cast<Mobility>(movable_[block >> 6] >> (block & 63) & 1); }
  void set_class(uint64_t block, Mobility mobility) {
    uint64_t& word = movable_[block >> 6];
    word = (word & ~(uint64_t{1} << (block & 63))) | static_cast<uint64_t>(mobility) << (block & 63);
  }
  bool take_page_anywhere(Mobility mobility, Pfn& pfn);
  void forget_next(Mobility owner);
  // The free map of a partial block without what was taken of it as the next frames.
  Bitmap512 map_of(uint64_t block) const;
  void give_before_next(Pfn pfn, Mobility mobility);
  uint64_t lowest_free_block() const;
  void break_block(uint64_t block, Mobility mobility);
  uint64_t group_of_next_block();
  void blocks_taken(uint64_t region, uint32_t blocks);
  void mark_block_used(uint64_t block);
  void mark_block_free(uint64_t block);
  void give_to_full_block(Pfn pfn, Mobility mobility);
  void close_if_free(uint64_t block);
  void take_from_partial(uint64_t block, uint32_t in_block, Mobility mobility);
  bool region_complete(uint64_t region) const {
    return (region + 1) * kRegionBlocks <= blocks_ && region * kRegionBlocks >= first_block_;
  }

  Pages total_;
  Pages used_{0};
  uint64_t first_block_;
  uint64_t blocks_;
  NextFrames next_[2];
  uint64_t block_hint_ = BitTree::kNone;
  BitTree free_blocks_;
  BitTree partial_[2];
  BitTree broken_regions_;
  VirtualArray<uint16_t> region_free_blocks_;
  VirtualArray<uint64_t> movable_;  // a bit a block
  VirtualArray<uint16_t> foreign_;
  VirtualArray<Bitmap512> free_map_;
};

// Inlined: a call costs as much as the rest.

// So many blocks of the region are free no more.
inline void Frames::blocks_taken(uint64_t region, uint32_t blocks) {
  const uint32_t left = region_free_blocks_[region] - blocks;
  region_free_blocks_[region] = static_cast<uint16_t>(left);
  // None left, or the first of a region that was whole.
  if (left == 0) [[unlikely]] {
    broken_regions_.clear(region);
  } else if (left + blocks == kRegionBlocks) [[unlikely]] {
    broken_regions_.set(region);
  }
}

// The number of the 64 blocks that hold the next one to take, or BitTree::kNone.
inline uint64_t Frames::group_of_next_block() {
  if (block_hint_ != BitTree::kNone && free_blocks_.word(block_hint_) != 0) [[likely]]
    return block_hint_;
  const uint64_t block = lowest_free_block();
  if (block == BitTree::kNone) return BitTree::kNone;
  return block_hint_ = block / 64;
}

inline bool Frames::take_block(Mobility mobility, Pfn& first) {
  const uint64_t group = group_of_next_block();
  if (group == BitTree::kNone) [[unlikely]]
    return false;
  const uint64_t block = free_blocks_.take_lowest(group);
  blocks_taken(group * 64 / kRegionBlocks, 1);
  if (class_of(block) != mobility) set_class(block, mobility);
  used_ = used_ + Pages{kBlockPages};
  first = Pfn::of_block(block);
  return true;
}

inline bool Frames::take_page(Mobility mobility, Pfn& pfn) {
  NextFrames& next = next_[static_cast<size_t>(mobility)];
  if (next.none_listed()) [[unlikely]]
    return take_page_anywhere(mobility, pfn);
  pfn = next.take();
  used_ = used_ + Pages{1};
  return true;
}

inline void Frames::mark_block_free(uint64_t block) {
  const uint64_t region = block / kRegionBlocks;
  if (block_hint_ != BitTree::kNone && region <= block_hint_ * 64 / kRegionBlocks) block_hint_ = BitTree::kNone;
  free_blocks_.set(block);
  const uint16_t now = ++region_free_blocks_[region];
  if (now == kRegionBlocks) {
    broken_regions_.clear(region);
  } else if (now == 1) {
    broken_regions_.set(region);
  }
}

inline void Frames::give_block(Pfn first, Mobility mobility) {
  const uint64_t block = first.block();
  // Taken page by page until none was left, and merged. (Of both classes: which is this block's is known later.)
  if (next_[0].block() == block || next_[1].block() == block) [[unlikely]]
    forget_next(class_of(block));
  // A merged folio may lie in a block that the other class was first in.
  assert(foreign_[block] == (class_of(block) == mobility ? 0 : kBlockPages) && !is_partial(block));
  if (class_of(block) != mobility) [[unlikely]]
    foreign_[block] = 0;
  mark_block_free(block);
  used_ = used_ - Pages{kBlockPages};
}

}  // namespace gmem
