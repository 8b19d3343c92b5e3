#include "core/frames.h"

#include <bit>
#include <cassert>

namespace gmem {

namespace {
static_assert(kRegionBlocks % 64 == 0);  // a group of 64 blocks lies in one region

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
      movable_(blocks_ / 64 + 1),
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
  return is_partial(block) && map_of(block).test(pfn.in_block());
}

Bitmap512 Frames::free_bits(uint64_t block) const {
  if (is_partial(block)) return map_of(block);
  Bitmap512 bits;
  bits.fill(free_blocks_.test(block));
  return bits;
}

inline void Frames::mark_block_used(uint64_t block) {
  free_blocks_.clear(block);
  blocks_taken(block / kRegionBlocks, 1);
}

// Turns a wholly free block into a partial one with all its frames free.
void Frames::break_block(uint64_t block, Mobility mobility) {
  // Its region may now be the lowest broken one.
  if (block_hint_ != BitTree::kNone && block < block_hint_ * 64) block_hint_ = BitTree::kNone;
  mark_block_used(block);
  set_class(block, mobility);
  free_map_.expect(block);
  free_map_[block].fill(true);
  partial_[index_of(mobility)].set(block);
  const NextFrames& next = next_[index_of(mobility)];
  if (next.block() != NextFrames::kNoBlock && block < next.block()) forget_next(mobility);
}

void Frames::take_from_partial(uint64_t block, uint32_t in_block, Mobility mobility) {
  const Mobility owner = class_of(block);
  if (next_[index_of(owner)].block() == block) forget_next(owner);
  Bitmap512& map = free_map_[block];
  assert(map.test(in_block));
  map.clear(in_block);
  if (owner != mobility) ++foreign_[block];
  if (map.none()) partial_[index_of(owner)].clear(block);
  used_ = used_ + Pages{1};
}

// What the next frames of a class are is unknown; what was taken is in the map.
[[gnu::noinline]] void Frames::forget_next(Mobility owner) {
  NextFrames& next = next_[index_of(owner)];
  const uint64_t block = next.block();
  if (block == NextFrames::kNoBlock) return;
  Bitmap512& map = free_map_[block];
  map = next.still_free(map);
  if (map.none()) partial_[index_of(owner)].clear(block);
  next.forget();
}

Bitmap512 Frames::map_of(uint64_t block) const {
  const NextFrames& next = next_[index_of(class_of(block))];
  return next.block() == block ? next.still_free(free_map_[block]) : free_map_[block];
}

// No next frame of the class is known.
[[gnu::noinline]] bool Frames::take_page_anywhere(Mobility mobility, Pfn& pfn) {
  NextFrames& next = next_[index_of(mobility)];
  BitTree& partial = partial_[index_of(mobility)];
  uint64_t block = BitTree::kNone;
  if (const uint64_t last = next.block(); last != NextFrames::kNoBlock) {
    if (next.list(free_map_[last])) return take_page(mobility, pfn);
    // The map of a full block says nothing. No partial one is below it, and the next is most often near.
    partial.clear(last);
    block = partial.first_near(last);
  }
  if (block == BitTree::kNone) block = partial.first();
  if (block == BitTree::kNone) {
    next.forget();
    block = free_blocks_.first();
    if (block == BitTree::kNone) {
      forget_next(other(mobility));
      block = partial_[index_of(other(mobility))].first();
      if (block == BitTree::kNone) return false;
      const uint32_t in_block = free_map_[block].next_set(0);
      take_from_partial(block, in_block, mobility);
      pfn = Pfn::of_block(block, in_block);
      return true;
    }
    break_block(block, mobility);
  }
  next.begin(block);
  next.list(free_map_[block]);
  return take_page(mobility, pfn);
}

// Lowest in a broken region, else lowest.
uint64_t Frames::lowest_free_block() const {
  const uint64_t region = broken_regions_.first();
  return region != BitTree::kNone ? free_blocks_.next(region * kRegionBlocks) : free_blocks_.first();
}

bool Frames::take_blocks(Mobility mobility, uint32_t most, uint64_t& group, uint64_t& blocks) {
  group = group_of_next_block();
  if (group == BitTree::kNone) return false;
  blocks = free_blocks_.take_some(group, most);
  const auto taken = static_cast<uint32_t>(std::popcount(blocks));
  blocks_taken(group * 64 / kRegionBlocks, taken);
  movable_[group] = mobility == Mobility::kMovable ? movable_[group] | blocks : movable_[group] & ~blocks;
  used_ = used_ + Pages{uint64_t{taken} * kBlockPages};
  return true;
}

bool Frames::reserve_pages(Mobility mobility, uint64_t& block, Bitmap512& frames) {
  Pfn first;
  if (!take_page(mobility, first)) return false;
  block = first.block();
  frames.fill(false);
  const Mobility owner = class_of(block);
  if (next_[index_of(owner)].block() == block) forget_next(owner);
  if (partial_[index_of(owner)].test(block)) {
    Bitmap512& map = free_map_[block];
    const uint32_t rest = map.count();
    frames = map;
    map.fill(false);
    partial_[index_of(owner)].clear(block);
    if (owner != mobility) foreign_[block] = static_cast<uint16_t>(foreign_[block] + rest);
    used_ = used_ + Pages{rest};
  }
  frames.set(first.in_block());
  return true;
}

uint64_t Frames::free_blocks(uint64_t enough) const {
  uint64_t found = 0;
  for (uint64_t region = 0; found < enough && region < regions(); ++region) found += region_free_blocks_[region];
  return found;
}

void Frames::take_exactly(Pfn pfn, Mobility mobility) {
  const uint64_t block = pfn.block();
  if (free_blocks_.test(block)) break_block(block, mobility);
  take_from_partial(block, pfn.in_block(), mobility);
}

// The first frame of a full block: its map says nothing yet.
[[gnu::noinline]] void Frames::give_to_full_block(Pfn pfn, Mobility mobility) {
  const uint64_t block = pfn.block();
  free_map_.expect(block);
  free_map_[block].fill(false);
  partial_[index_of(class_of(block))].set(block);
  give_page(pfn, mobility);
}

// Perhaps all frames of a partial block are free.
[[gnu::noinline]] void Frames::close_if_free(uint64_t block) {
  if (!free_map_[block].all()) return;
  const Mobility owner = class_of(block);
  partial_[index_of(owner)].clear(block);
  mark_block_free(block);
}

// In the block of the next frames or below it: another one may be next.
[[gnu::noinline]] void Frames::give_before_next(Pfn pfn, Mobility mobility) {
  forget_next(class_of(pfn.block()));
  give_page(pfn, mobility);
}

// Calls nothing but as its last step, so that it saves no register: puts at random wait for memory side by side as far
// as the processor has room for the stores between them.
void Frames::give_page(Pfn pfn, Mobility mobility) {
  const uint64_t block = pfn.block();
  const Mobility owner = class_of(block);
  const uint32_t in_block = pfn.in_block();
  // As signed numbers: where none is known, that is below every block.
  if (static_cast<int64_t>(block) <= static_cast<int64_t>(next_[index_of(owner)].block())) [[unlikely]] {
    give_before_next(pfn, mobility);
    return;
  }
  if (!partial_[index_of(owner)].test(block)) [[unlikely]] {
    give_to_full_block(pfn, mobility);
    return;
  }
  Bitmap512& map = free_map_[block];
  assert(!map.test(in_block));
  const uint64_t word = map.words[in_block >> 6] | uint64_t{1} << (in_block & 63);
  map.words[in_block >> 6] = word;
  if (owner != mobility) [[unlikely]]
    --foreign_[block];
  used_ = used_ - Pages{1};
  if (word == ~uint64_t{0}) [[unlikely]]
    close_if_free(block);
}

void Frames::give_pages(const Pfn* pfns, uint64_t count, Mobility mobility) {
  uint64_t i = 0;
  for (; i + kGivenAhead < count; ++i) {
    if (pfns[i + kGivenAhead].block() != pfns[i + kGivenAhead - 1].block()) {
      free_map_.prefetch(pfns[i + kGivenAhead].block());
    }
    give_page(pfns[i], mobility);
  }
  for (; i < count; ++i) give_page(pfns[i], mobility);
}

Pages Frames::stranded() const {
  uint64_t pages = 0;
  for (const Mobility owner : {Mobility::kUnmovable, Mobility::kMovable}) {
    const BitTree& tree = partial_[index_of(owner)];
    for (uint64_t block = tree.first(); block != BitTree::kNone; block = tree.next(block + 1)) {
      const uint32_t free = map_of(block).count();
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
      pages += map_of(block).count();
    }
  }
  return {pages};
}

}  // namespace gmem
